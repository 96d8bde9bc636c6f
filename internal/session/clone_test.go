package session

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strconv"
	"testing"

	"github.com/mockauth/mockauth/specs"
)

// seen is all that can be asked of a state.
func seen(m *Memory) string {
	out := ""
	m.Update(func(tx Tx) {
		out += fmt.Sprintln(tx.SessionsOf("user", "a"), tx.Limited("apiToken", "user/a"))
		for _, r := range tx.Records("user") {
			out += fmt.Sprintln(r.Key, r.Fields)
		}
		for _, login := range []string{"ann", "bob", "login0", "login1", "login2", "login3"} {
			if r := tx.FindRecord(m.seed.list("user")[0].Kind, "login", login); r != nil {
				out += fmt.Sprintln(login, r.Key)
			}
		}
		var ids []string
		tx.EachSession(func(s *Session) { ids = append(ids, fmt.Sprint(s.ID, s.Ended)) })
		sort.Strings(ids)
		out += fmt.Sprintln(ids)
		for n := range 6 {
			if t := tx.Token(fmt.Sprintf("t%d", n)); t != nil {
				out += fmt.Sprintln(t.Text, t.State)
			}
		}
	})
	return out
}

func (s *Seed) list(kind string) []*Record { return s.kinds[kind].list }

// A clone begins in the state of the original; from then on each goes its way,
// also where one of them takes changes back.
func TestACloneGoesItsOwnWay(t *testing.T) {
	c, err := specs.System("saymon")
	if err != nil {
		t.Fatal(err)
	}
	kind, token := c.Record("user"), c.Token("apiToken")
	record := func(key, login string) *Record {
		return NewRecord(kind, map[string]any{kind.Key: key, "login": login}, "")
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	step := func(m *Memory) {
		m.Update(func(tx Tx) {
			tx.Begin()
			for range 1 + rnd.IntN(3) {
				n := rnd.IntN(6)
				switch rnd.IntN(5) {
				case 0:
					tx.PutRecord(record(fmt.Sprintf("%c", 'a'+n), fmt.Sprintf("login%d", rnd.IntN(4))))
				case 1:
					tx.PutSession(&Session{ID: fmt.Sprintf("s%d", n), Ended: rnd.IntN(2) == 0, Held: []string{"user/a"}})
				case 2, 3:
					tx.PutToken(&Token{Kind: token, Text: fmt.Sprintf("t%d", n), State: State(rnd.IntN(4)), Session: "s1"})
				case 4:
					tx.SetLimited("apiToken", "user/a", []string{fmt.Sprintf("t%d", n)})
				}
			}
			if rnd.IntN(3) == 0 {
				tx.Rollback()
			}
		})
	}
	for range 300 {
		m := NewMemory(NewSeed(c, []*Record{record("a", "ann"), record("b", "bob")}))
		for range rnd.IntN(8) {
			step(m)
		}
		clone := m.Clone().(*Memory)
		if seen(m) != seen(clone) {
			t.Fatalf("the original:\n%s\nits clone:\n%s", seen(m), seen(clone))
		}
		before := seen(m)
		for range rnd.IntN(8) {
			step(clone)
		}
		if seen(m) != before {
			t.Fatalf("the original was:\n%s\nafter steps of its clone:\n%s", before, seen(m))
		}
		before = seen(clone)
		for range rnd.IntN(8) {
			step(m)
		}
		if seen(clone) != before {
			t.Fatalf("the clone was:\n%s\nafter steps of the original:\n%s", before, seen(clone))
		}
	}
}

func TestWhatAWorldForgetsStaysInItsClone(t *testing.T) {
	m := NewMemory(&Seed{})
	m.Update(func(tx Tx) {
		tx.PutSession(&Session{ID: "s", Tokens: []string{"t"}})
		tx.PutToken(&Token{Text: "t", Session: "s"})
	})
	clone := m.Clone()
	m.Update(func(tx Tx) {
		for n := range MaxTokens {
			tx.Begin()
			tx.PutToken(&Token{Text: strconv.Itoa(n)})
		}
		if tx.Session("s") != nil || tx.Token("t") != nil {
			t.Error("a world remembers more tokens than it may")
		}
	})
	clone.Update(func(tx Tx) {
		if s := tx.Session("s"); s == nil || s.Ended || tx.Token("t") == nil {
			t.Errorf("the session of the clone is %+v", s)
		}
	})
}

func TestAForkOfAMachineSharesNoFactsWithIt(t *testing.T) {
	m := &Machine{}
	m.share([]byte("user\x00ann\x00"), map[string]any{"user": "ann"})
	f := m.Fork(nil)
	m.share([]byte("user\x00bob\x00"), map[string]any{"user": "bob"})
	f.share([]byte("user\x00eve\x00"), map[string]any{"user": "eve"})
	if len(m.shared) != 2 || len(f.shared) != 1 {
		t.Errorf("they keep %v and %v", m.shared, f.shared)
	}
}
