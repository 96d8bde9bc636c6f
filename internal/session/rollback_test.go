package session

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/mockauth/mockauth/specs"
)

func TestRollbackBringsEverythingBack(t *testing.T) {
	c, err := specs.System("saymon")
	if err != nil {
		t.Fatal(err)
	}
	kind, token := c.Record("user"), c.Token("apiToken")
	record := func(key, login string) *Record {
		return NewRecord(kind, map[string]any{kind.Key: key, "login": login}, "")
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	m := NewMemory(NewSeed(c, []*Record{record("a", "ann"), record("b", "bob")}))
	step := func(tx Tx) {
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
	// see is all that can be asked of a state.
	see := func(tx Tx) string {
		out := fmt.Sprintln(tx.SessionsOf("user", "a"), tx.Limited("apiToken", "user/a"))
		for _, r := range tx.Records("user") {
			out += fmt.Sprintln(r.Key, r.Fields)
		}
		for i := range 6 {
			if s := tx.Session(fmt.Sprintf("s%d", i)); s != nil {
				out += fmt.Sprintln(*s)
			}
			if k := tx.Token(fmt.Sprintf("t%d", i)); k != nil {
				out += fmt.Sprintln(k.Text, k.State)
			}
			if r := tx.FindRecord(kind, "login", fmt.Sprintf("login%d", i)); r != nil {
				out += fmt.Sprintln("login", i, r.Key)
			}
		}
		return out
	}
	changed := 0
	m.Update(func(tx Tx) {
		for range 2000 {
			step(tx)
			before := see(tx)
			tx.Begin()
			for range 1 + rnd.IntN(6) {
				step(tx)
			}
			if see(tx) != before {
				changed++
			}
			tx.Rollback()
			if after := see(tx); !reflect.DeepEqual(after, before) {
				t.Fatalf("before:\n%s\nafter:\n%s", before, after)
			}
		}
	})
	if changed < 1000 {
		t.Fatalf("only %d of 2000 rounds changed anything: the test proves little", changed)
	}
}
