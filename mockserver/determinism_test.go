package mockserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// transcript is every answer to every documented exchange of a system, bytes and
// headers, in one world a run. A world is called as the run says.
func transcript(t *testing.T, server *mockserver.Server, system, world string) string {
	t.Helper()
	var b strings.Builder
	w, err := server.NewWorld(world, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.DeleteWorld(world) }()
	for _, l := range livesOf(t, system) {
		w.Reset()
		w.Clock().Freeze(midnight.Add(123456789 * time.Nanosecond))
		s := scriptIn(t, server, system, w)
		s.record = true
		s.set(l.Profile, l.Settings)
		s.play(l.Issue)
		s.play(l.Use)
		for _, v := range l.Ends {
			s.set(v.Profile, v.Settings)
			s.play(l.Issue)
			s.play(v.Steps)
		}
		fmt.Fprintf(&b, "== %s: %s\n", l.Token, l.About)
		for _, r := range s.seen {
			fmt.Fprintf(&b, "%d\n", r.status)
			for _, name := range sortedKeys(r.header) {
				fmt.Fprintf(&b, "%s: %q\n", name, r.header[name])
			}
			b.Write(r.body)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			return fmt.Sprintf("line %d:\n%s\n%s", i, x[i], strings.Join(y[min(i, len(y)):min(i+1, len(y))], ""))
		}
	}
	return fmt.Sprintf("%d lines and %d", len(x), len(y))
}

// The same seed, clock and requests give the same bytes: again in the same
// server, in another one whose machine has another time, and served alone or
// beside others. Another seed or another world gives other tokens.
func TestSameSeedClockAndRequestsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	later := func() time.Time { return midnight.AddDate(3, 0, 0) }
	all := newServer(t, mockserver.Seed(7))
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			twin := "twin-" + system // one server is shared by all of these tests
			first := newServer(t, mockserver.System(system), mockserver.Seed(7))
			want := transcript(t, first, system, twin)
			if !strings.Contains(want, "Mockauth-Outcome") {
				t.Fatal("the transcript holds no answers")
			}
			for _, c := range []struct {
				name   string
				server *mockserver.Server
			}{
				{"a second world of the name", first},
				{"another server", newServer(t, mockserver.System(system), mockserver.Seed(7), mockserver.WallClock(later))},
				{"beside other systems", all},
			} {
				if got := transcript(t, c.server, system, twin); got != want {
					t.Errorf("%s: other bytes; %s", c.name, difference(want, got))
				}
			}
			for _, c := range []struct {
				name, world string
				server      *mockserver.Server
			}{
				{"another seed", twin, newServer(t, mockserver.System(system), mockserver.Seed(8))},
				{"another world", "other", first},
				{"no seed", twin, newServer(t, mockserver.System(system))},
			} {
				if transcript(t, c.server, system, c.world) == want {
					t.Errorf("%s: the same bytes", c.name)
				}
			}
		})
	}
}

// A token of another seed is another one, which the world of the first does not
// know. Only a JWT with nothing of chance in it is the same text.
func TestTokensOfAnotherSeedAreUnknown(t *testing.T) {
	unknown := 0
	eachLogin(t, func(t *testing.T, s *script, l login) {
		other := newScript(t, newServer(t, mockserver.System(s.system), mockserver.Seed(2)), s.system)
		other.set(l.life.Profile, l.life.Settings)
		other.play(l.life.Issue)
		s.play(l.life.Issue)
		if s.names["token"] == other.names["token"] {
			if strings.Count(s.names["token"], ".") != 2 {
				t.Errorf("two seeds gave the same token %q", s.names["token"])
			}
			return
		}
		unknown++
		s.names = other.names
		n := len(l.life.Use) - 1
		s.play(l.life.Use[:n])
		if r := s.one(step{Request: l.life.Use[n].Request}); !strings.HasPrefix(r.outcome, "token.unknown.") {
			t.Errorf("a token of another seed: %s: %s", r.outcome, r.why)
		}
	})
	if unknown == 0 {
		t.Error("no login gives a token that has anything of chance in it")
	}
}
