package mockserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

const crowd = 64 // as many as the issue names

// overNetwork is a script that speaks through a real port, as many connections
// at once as there are callers.
func overNetwork(t testing.TB, m *mockserver.Mock, system string) *script {
	s := newScript(t, m.Server, system)
	tr := &http.Transport{MaxIdleConnsPerHost: crowd}
	t.Cleanup(tr.CloseIdleConnections)
	s.client = &http.Client{Transport: tr, Timeout: time.Minute}
	return s
}

// together runs f n times, all let go at the same moment, and returns the first
// error.
func together(n int, f func(i int) error) error {
	start := make(chan struct{})
	errs := make(chan error, n)
	for i := range n {
		go func() {
			<-start
			errs <- f(i)
		}()
	}
	close(start)
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// eachLife runs f for every life of every system that `which` chooses; there
// must be one at least.
func eachLife(t *testing.T, which func(*specs.Contract, life) bool, f func(t *testing.T, m *mockserver.Mock, system string, l life)) {
	t.Helper()
	found := false
	for _, system := range specs.Systems() {
		m := mockserver.Start(t, mockserver.System(system))
		for _, l := range livesOf(t, system) {
			if !which(m.Contract(system), l) {
				continue
			}
			found = true
			t.Run(system+"/"+l.Token+"/"+l.About, func(t *testing.T) { f(t, m, system, l) })
		}
	}
	if !found {
		t.Fatal("no life is of this sort: nothing was tested")
	}
}

// Of 64 parallel redemptions of one single-use token, exactly one wins.
func TestSingleUseTokenIsRedeemedOnceHoweverManyTry(t *testing.T) {
	t.Parallel()
	eachLife(t, func(c *specs.Contract, l life) bool { return c.Token(l.Token).Once }, func(t *testing.T, m *mockserver.Mock, system string, l life) {
		s := overNetwork(t, m, system)
		s.set(l.Profile, l.Settings)
		rounds := 50
		if testing.Short() {
			rounds = 5
		}
		for round := range rounds {
			s.play(l.Issue)
			use := l.Use[len(l.Use)-1].Request
			var won, lost atomic.Int32
			err := together(crowd, func(int) error {
				r, err := s.send(use)
				switch {
				case err != nil:
					return err
				case r.outcome == "token.consumed."+l.Token:
					lost.Add(1)
				case !isRefusal(r.outcome):
					won.Add(1)
				default:
					return fmt.Errorf("outcome %s: %s", r.outcome, r.why)
				}
				return nil
			})
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if won.Load() != 1 || lost.Load() != crowd-1 {
				t.Fatalf("round %d: %d redemptions won and %d were refused as used; want 1 and %d", round, won.Load(), lost.Load(), crowd-1)
			}
		}
	})
}

// Parallel logins do not disturb each other: each gives a token that is accepted,
// and opaque ones are all different.
func TestParallelLoginsEachGetATokenOfTheirOwn(t *testing.T) {
	t.Parallel()
	eachLife(t, func(c *specs.Contract, l life) bool {
		k := c.Token(l.Token)
		return len(l.Issue) == 1 && k.Limit == nil && len(l.Use) == 1
	}, func(t *testing.T, m *mockserver.Mock, system string, l life) {
		s := overNetwork(t, m, system)
		s.set(l.Profile, l.Settings)
		issue, use := l.Issue[0], l.Use[0].Request
		var mu sync.Mutex
		tokens := map[string]int{}
		err := together(crowd, func(int) error {
			own := scriptIn(t, m.Server, system, s.world)
			own.client = s.client
			r, err := own.send(issue.Request)
			if err != nil {
				return err
			}
			if r.status != issue.Status {
				return fmt.Errorf("login: status %d, outcome %s: %s", r.status, r.outcome, r.why)
			}
			for name, at := range issue.Capture {
				if own.names[name], err = r.at(at); err != nil {
					return err
				}
			}
			mu.Lock()
			tokens[own.names["token"]]++
			mu.Unlock()
			if r, err = own.send(use); err != nil {
				return err
			}
			if isRefusal(r.outcome) {
				return fmt.Errorf("use: %s: %s", r.outcome, r.why)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for token, n := range tokens {
			// Two JWTs of one second without an id may be the same bytes.
			if n > 1 && strings.Count(token, ".") != 2 {
				t.Errorf("%d logins were given the same token", n)
			}
		}
	})
}

// Whatever runs beside a revocation, what begins after its answer is refused.
func TestNoUseSucceedsAfterItsRevocationWasAnswered(t *testing.T) {
	t.Parallel()
	eachLife(t, func(_ *specs.Contract, l life) bool {
		return len(l.Ends) > 0 && len(l.Use) == 1 && l.Dead.Outcome == ""
	}, func(t *testing.T, m *mockserver.Mock, system string, l life) {
		for _, v := range l.Ends {
			s := overNetwork(t, m, system)
			s.set(l.Profile, l.Settings)
			s.set(v.Profile, v.Settings)
			s.play(l.Issue)
			n := len(v.Steps) - 1
			s.play(v.Steps[:n])
			use := l.Use[0].Request
			var ended atomic.Bool
			err := together(crowd, func(i int) error {
				if i == crowd/2 {
					r, err := s.send(v.Steps[n].Request)
					if err != nil {
						return err
					}
					if r.status != v.Steps[n].Status {
						return fmt.Errorf("the end: %d %s: %s", r.status, r.outcome, r.why)
					}
					ended.Store(true)
					return nil
				}
				before := ended.Load()
				r, err := s.send(use)
				if err != nil {
					return err
				}
				refused := isRefusal(r.outcome)
				if refused && !strings.HasPrefix(r.outcome, "token.revoked.") && !strings.HasPrefix(r.outcome, "token.consumed.") {
					return fmt.Errorf("%s: %s", r.outcome, r.why)
				}
				if before && !refused {
					return fmt.Errorf("%s: accepted after the end was answered", v.About)
				}
				return nil
			})
			// A single use may have been redeemed before, and its end is then one of
			// something that is over; that is no error anywhere so far.
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.send(use)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(r.outcome, "token.") {
				t.Errorf("%s: after all is done: %s", v.About, r.outcome)
			}
		}
	})
}

// Of tokens of which one may be live, one is, however many were asked for at once.
func TestLimitHoldsHoweverManyAskAtOnce(t *testing.T) {
	t.Parallel()
	eachLife(t, func(_ *specs.Contract, l life) bool { return l.Again != nil }, func(t *testing.T, m *mockserver.Mock, system string, l life) {
		s := overNetwork(t, m, system)
		s.set(l.Profile, l.Settings)
		issue := l.Issue[0]
		tokens := make([]string, crowd)
		err := together(crowd, func(i int) error {
			r, err := s.send(issue.Request)
			if err != nil {
				return err
			}
			tokens[i], err = r.at(issue.Capture["token"])
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		live := 0
		for _, token := range tokens {
			s.names["token"] = token
			r, err := s.send(l.Use[0].Request)
			switch {
			case err != nil:
				t.Fatal(err)
			case !isRefusal(r.outcome):
				live++
			case r.outcome != "token.replaced."+l.Token:
				t.Errorf("outcome %s: %s", r.outcome, r.why)
			}
		}
		if live != 1 {
			t.Errorf("%d of %d tokens are live, want 1", live, crowd)
		}
	})
}

// Settings, profile, clock and reset may change while requests are under way:
// each is answered as one state of the world says, and the server lives.
func TestWorldChangesUnderRequests(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			m := mockserver.Start(t, mockserver.System(system))
			s := overNetwork(t, m, system)
			l := livesOf(t, system)[0]
			profiles := m.Contract(system).Profiles
			err := together(crowd, func(i int) error {
				for n := range 4 {
					switch i % 4 {
					case 0:
						if err := s.world.SetProfile(system, profiles[(i+n)%len(profiles)].Name); err != nil {
							return err
						}
						s.world.Clock().Advance(time.Second)
						s.world.Journal()
					case 1:
						if n == 3 && i == 1 {
							s.world.Reset()
						}
						if _, err := s.world.Settings(system); err != nil {
							return err
						}
					default:
						r, err := s.send(l.Issue[0].Request)
						if err != nil {
							return err
						}
						if r.status >= 500 {
							return fmt.Errorf("%d %s: %s", r.status, r.outcome, r.why)
						}
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			s.world.Reset()
			s.set(l.Profile, l.Settings)
			s.play(l.Issue)
			s.play(l.Use)
		})
	}
}

// Worlds come and go beside each other: a request is answered in its world, or
// told that there is none.
func TestWorldsComeAndGoInParallel(t *testing.T) {
	t.Parallel()
	system := specs.Systems()[0]
	m := mockserver.Start(t, mockserver.System(system))
	l := livesOf(t, system)[0]
	tr := &http.Transport{MaxIdleConnsPerHost: crowd}
	t.Cleanup(tr.CloseIdleConnections)
	err := together(crowd, func(i int) error {
		for range 5 {
			w, err := m.NewWorld("", i%8 == 0)
			if err != nil {
				return err
			}
			s := scriptIn(t, m.Server, system, w)
			s.client = &http.Client{Transport: tr, Timeout: time.Minute}
			r, err := s.send(l.Issue[0].Request)
			if err != nil {
				return err
			}
			if r.status != l.Issue[0].Status {
				return fmt.Errorf("in a new world: %d %s: %s", r.status, r.outcome, r.why)
			}
			if sessions, _, err := w.Counts(system); err != nil || sessions != 1 {
				return fmt.Errorf("a world of one login has %d sessions (%v): another world is in it", sessions, err)
			}
			if err := m.DeleteWorld(w.Name()); err != nil {
				return err
			}
			s.client.Transport = m.Transport() // its own port is closed by now
			r, err = s.send(&call{Method: "GET", Path: "/"})
			if err == nil && i%8 != 0 && r.status != http.StatusNotFound {
				return fmt.Errorf("a deleted world answers %d", r.status)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(m.Worlds()); n != 1 {
		t.Errorf("%d worlds are left, want the default one", n)
	}
}

// Two worlds of one name cannot be made, however many try.
func TestOneOfManyMakesTheWorldOfAName(t *testing.T) {
	t.Parallel()
	s := newServer(t, mockserver.System(specs.Systems()[0]))
	var made atomic.Int32
	err := together(crowd, func(int) error {
		if _, err := s.NewWorld("mine", false); err == nil {
			made.Add(1)
		}
		return nil
	})
	if err != nil || made.Load() != 1 {
		t.Errorf("%d callers made the world, want 1 (%v)", made.Load(), err)
	}
}
