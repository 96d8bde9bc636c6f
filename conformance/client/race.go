package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/mockserver"
)

// Interleaving is one order in which calls at once, and the refreshes that they
// lead to, meet at the server. Its text is what is printed, and what repeats it.
type Interleaving struct {
	// Calls are made at once, with a token that has expired.
	Calls int
	// Refused is the order in which they learn that it has, by the order of their
	// arrival, from 1; nil: as they came.
	Refused []int
	// Late: the last of them learns it only after another has refreshed.
	Late bool
	// Slow: the answer to the first refresh is held back until another refresh
	// comes, or none has come for a while.
	Slow bool
}

// String is the interleaving as Options.Interleaving has it: "2 calls, refused
// 2 1, one late".
func (i Interleaving) String() string {
	parts := []string{strconv.Itoa(i.Calls) + " calls"}
	if len(i.Refused) > 0 {
		order := make([]string, len(i.Refused))
		for n, x := range i.Refused {
			order[n] = strconv.Itoa(x)
		}
		parts = append(parts, "refused "+strings.Join(order, " "))
	}
	if i.Late {
		parts = append(parts, "one late")
	}
	if i.Slow {
		parts = append(parts, "slow refresh")
	}
	return strings.Join(parts, ", ")
}

// parseInterleaving reads what String writes.
func parseInterleaving(text string) (Interleaving, error) {
	var i Interleaving
	bad := func(part string) (Interleaving, error) {
		return i, fmt.Errorf("%q is no part of an interleaving; one is written like this: %s", part, Interleaving{Calls: 3, Refused: []int{2, 1, 3}, Slow: true})
	}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		switch n, calls := strings.CutSuffix(part, " calls"); {
		case calls:
			k, err := strconv.Atoi(n)
			if err != nil || k < 2 || k > 8 {
				return i, fmt.Errorf("an interleaving has 2 to 8 calls, not %q", n)
			}
			i.Calls = k
		case part == "one late":
			i.Late = true
		case part == "slow refresh":
			i.Slow = true
		case strings.HasPrefix(part, "refused "):
			for _, f := range strings.Fields(part)[1:] {
				k, err := strconv.Atoi(f)
				if err != nil {
					return bad(part)
				}
				i.Refused = append(i.Refused, k)
			}
		default:
			return bad(part)
		}
	}
	if i.Calls == 0 {
		return i, fmt.Errorf("an interleaving says how many calls there are: %s", Interleaving{Calls: 2})
	}
	for _, k := range i.Refused {
		if k < 1 || k > i.Calls {
			return i, fmt.Errorf("call %d of %d cannot be refused", k, i.Calls)
		}
	}
	return i, nil
}

// Interleavings are those that the race lab tries, the smallest first. seed
// chooses among the orders of four calls, of which there are too many.
func Interleavings(seed uint64) []Interleaving {
	var out []Interleaving
	for _, calls := range []int{2, 3, 4} {
		orders := permutations(calls)
		if calls == 4 {
			r := rand.New(rand.NewPCG(seed, 4)) //nolint:gosec // an order is no secret
			r.Shuffle(len(orders), func(i, j int) { orders[i], orders[j] = orders[j], orders[i] })
			orders = orders[:2]
		}
		for n, order := range orders {
			out = append(out, Interleaving{Calls: calls, Refused: order})
			if calls == 3 && n%3 != 0 {
				continue
			}
			out = append(out, Interleaving{Calls: calls, Refused: order, Slow: true})
			out = append(out, Interleaving{Calls: calls, Refused: order, Late: true})
		}
	}
	return out
}

// permutations of 1…n, in the order of the alphabet.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var out [][]int
	var grow func(have []int)
	grow = func(have []int) {
		if len(have) == n {
			out = append(out, slices.Clone(have))
			return
		}
		for k := 1; k <= n; k++ {
			if !slices.Contains(have, k) {
				grow(append(have, k))
			}
		}
	}
	grow(nil)
	return out
}

// races are the cases of the race lab.
func (f *facts) races() []*scenario {
	if len(f.renewals) == 0 || !f.ends {
		return nil
	}
	severity, law := conformance.Should, "one refresh is enough for all calls at once"
	if f.once {
		severity, law = conformance.Must, "a refresh token for single use is used once (RFC 9700 4.14.2)"
	}
	return []*scenario{{
		name: "life.single-flight", title: "calls at once with an expired token lead to one refresh", law: law, severity: severity,
		op: f.about(driver.Renew), needs: []string{driver.Login, driver.Call, driver.Renew}, about: driver.Renew, rehearsed: true,
		cause: []string{"login, call", "the clock passes the end of the token", "two to four calls at once; how their refusals and the refreshes meet is enumerated, the smallest first"},
		run:   func(ctx context.Context, s *stage) { s.lab(ctx) },
	}}
}

// lab tries one interleaving after another, until one breaks the client.
func (s *stage) lab(ctx context.Context) {
	if !s.suite.manner.renews {
		s.skip("the client does not renew its session by itself, so that calls at once lead to no refresh")
		return
	}
	list := Interleavings(s.suite.o.Seed)
	if only := s.suite.o.Interleaving; only != "" {
		one, err := parseInterleaving(only)
		if err != nil {
			s.fault(ctx, err)
			return
		}
		list = []Interleaving{one}
	}
	for n, i := range list {
		if err := s.open(setting{turn: n}); err != nil {
			s.fault(ctx, err)
			return
		}
		if !s.meet(ctx, i) {
			return
		}
		if len(s.v.mismatches) > 0 {
			s.v.why = fmt.Sprintf("the smallest interleaving that breaks it, number %d of %d: %s; --interleaving '%s' repeats it", n+1, len(list), i, i)
			return
		}
	}
}

// meet carries one interleaving out. It reports false if the case is over.
func (s *stage) meet(ctx context.Context, i Interleaving) bool {
	if !s.old(ctx) {
		return false
	}
	m := s.suite.manner
	call, renew := m.ops[driver.Call], m.ops[driver.Renew]
	if renew == "" {
		s.untestable("the client was never seen renewing a session")
		return false
	}
	from := s.mark()
	together := i.Calls
	if i.Late {
		together--
	}
	var stop sync.WaitGroup
	defer stop.Wait()
	ended, cancel := context.WithCancel(ctx)
	defer cancel()
	if i.Late {
		// The last to come is decided, as all of them, and waits for the refresh.
		id, ok := s.lay(mockserver.Fault{Operation: call, Call: i.Calls, Do: "hold", At: "answer", Until: 2, For: patience})
		if !ok {
			return false
		}
		stop.Go(func() {
			if s.until(ended, from, renewed) {
				time.Sleep(settle)
				s.world.ClearFault(id)
			}
		})
	}
	if together > 1 {
		order := slices.DeleteFunc(slices.Clone(i.Refused), func(k int) bool { return k > together })
		if _, ok := s.lay(mockserver.Fault{Operation: call, Do: "hold", At: "answer", Until: together, Release: order, For: patience}); !ok {
			return false
		}
	}
	if i.Slow {
		if _, ok := s.lay(mockserver.Fault{Operation: renew, Do: "hold", At: "arrival", Until: 2, For: settle * 4}); !ok {
			return false
		}
	}
	r, ok := s.step(ctx, driver.Step{Do: driver.Call, Parallel: i.Calls})
	cancel()
	if !ok {
		return false
	}
	if together > 1 && slices.ContainsFunc(s.world.Faults(), func(f mockserver.FaultState) bool { return f.Operation == call && f.GaveUp && f.Came == 1 }) {
		s.skip("the client, or its driver, sends one request at a time: nothing can race")
		return false
	}
	seen := s.seen(from)
	if count(seen, func(o observed) bool { return o.Operation == call && o.Refused }) == 0 && count(seen, on(renew)) == 0 {
		s.untestable("no call was refused, and nothing was refreshed; seen: " + lines(seen))
		return false
	}
	s.raced(i, r, seen, renew)
	return true
}

const (
	// patience is how long a hold waits for callers that may not come.
	patience = 1500 * time.Millisecond
	// settle is how long an answer is given to reach the client.
	settle = 30 * time.Millisecond
)

// raced judges one interleaving.
func (s *stage) raced(_ Interleaving, r said, seen []observed, renew string) {
	tries := slices.DeleteFunc(slices.Clone(seen), func(o observed) bool { return o.Operation != renew })
	single := false
	for _, p := range repeated(tries, func(presented) bool { return true }) {
		once := s.suite.contract.Token(p.Kind) != nil && s.suite.contract.Token(p.Kind).Once
		single = single || once
		if p.n > 1 && once {
			s.add("wire", "one refresh with one "+p.Kind+" token", fmt.Sprintf("%d: %s", p.n, lines(seen)))
		}
	}
	switch n := len(tries); {
	case len(s.v.mismatches) > 0:
	case n > 1:
		s.add("wire", "one refresh for all calls at once", fmt.Sprintf("%d: %s", n, lines(seen)))
	}
	for k, x := range r.Each {
		if !x.OK {
			e := "no error"
			if x.Error != nil {
				e = x.Error.Message
			}
			s.add("client", "success of every call: the session was renewed", fmt.Sprintf("call %d: %s; seen: %s", k+1, e, lines(seen)))
			break
		}
	}
}
