package mockserver_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// settled waits until no more goroutines run than before. It is not for parallel
// tests, whose neighbours come and go.
func settled(t *testing.T, before int) {
	t.Helper()
	n := 0
	for range 100 {
		if n = runtime.NumGoroutine(); n <= before {
			return
		}
		time.Sleep(50 * time.Millisecond) // connections end a moment after Close
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines run, %d did before\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
}

// Close and Shutdown leave nothing running and no port open: not of the server,
// not of its worlds, and not of clients that are still connected.
func TestCloseLeavesNothingRunning(t *testing.T) {
	system := specs.Systems()[0]
	first := livesOf(t, system)[0]
	for name, end := range map[string]func(*mockserver.Server) error{
		"Close":    (*mockserver.Server).Close,
		"Shutdown": func(s *mockserver.Server) error { return s.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			server, err := mockserver.New(mockserver.System(system))
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Listen("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			worlds := []*mockserver.World{server.Default()}
			for range 3 {
				w, err := server.NewWorld("", true)
				if err != nil {
					t.Fatal(err)
				}
				worlds = append(worlds, w)
			}
			tr := &http.Transport{}
			for _, w := range worlds {
				s := scriptIn(t, server, system, w)
				s.client = &http.Client{Transport: tr}
				s.set(first.Profile, first.Settings)
				s.play(first.Issue)
			}
			closed := worlds[3]
			if err := server.DeleteWorld(closed.Name()); err != nil {
				t.Fatal(err)
			}
			notListening(t, closed.URL())
			if err := end(server); err != nil {
				t.Fatal(err)
			}
			for _, w := range worlds {
				if w != server.Default() {
					notListening(t, w.URL())
				}
			}
			notListening(t, server.URL())
			tr.CloseIdleConnections()
			settled(t, before)
		})
	}
}

func notListening(t *testing.T, base string) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := net.DialTimeout("tcp", u.Host, time.Second); err == nil {
		_ = conn.Close()
		t.Errorf("%s is still open", u.Host)
	}
}

// A server without a port runs nothing at all.
func TestServerWithoutPortRunsNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		server, err := mockserver.New()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.NewWorld("", false); err != nil {
			t.Fatal(err)
		}
		res, err := server.Transport().RoundTrip(mustRequest(t, server.URL()+mockserver.AdminPath+"/health"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	settled(t, before)
}

func mustRequest(t *testing.T, target string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// Two servers of one process share nothing, even where they serve the very same
// contract value, and so do two worlds of one server: whatever is done in one,
// the other does not know of it.
func TestServersAndWorldsShareNothing(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			c, err := specs.System(system)
			if err != nil {
				t.Fatal(err)
			}
			busy := newServer(t, mockserver.Contract(c), mockserver.Accounts("../fixtures/"+system+"/world.yaml"), mockserver.Seed(1))
			quiet := newServer(t, mockserver.Contract(c), mockserver.Accounts("../fixtures/"+system+"/world.yaml"), mockserver.Seed(1))
			other, beside := newScript(t, quiet, system), newScript(t, busy, system)
			before, settings := other.state(), mustSettings(t, other)

			s := scriptIn(t, busy, system, busy.Default())
			s.loose = true
			s.world.Clock().Freeze(midnight)
			for _, e := range exchangesOf(t, system) {
				s.set(e.Profile, e.Settings)
				for _, g := range e.Given {
					s.one(g)
				}
				if req, err := s.request(e.Request); err == nil {
					do(s, req)
				}
			}
			if s.state() == before {
				t.Fatal("nothing was done: the test shows nothing")
			}
			for name, o := range map[string]*script{"another server": other, "another world": beside} {
				if after := o.state(); after != before {
					t.Errorf("%s has changed:\n%s\nto\n%s", name, before, after)
				}
				if got := mustSettings(t, o); got != settings {
					t.Errorf("%s has other settings:\n%s\nnot\n%s", name, got, settings)
				}
				if !o.world.Clock().Now().Equal(midnight) || !o.world.Clock().Frozen() {
					t.Errorf("%s has another time: %s", name, o.world.Clock().Now())
				}
			}
			if n := len(other.world.Journal()); n != 0 {
				t.Errorf("%d exchanges in the journal of a server that none was sent to", n)
			}
			l := livesOf(t, system)[0]
			for _, o := range []*script{other, beside} {
				o.set(l.Profile, l.Settings)
				o.play(l.Issue)
				o.play(l.Use)
			}
		})
	}
}

func mustSettings(t *testing.T, s *script) string {
	t.Helper()
	values, err := s.world.Settings(s.system)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, name := range sortedKeys(values) {
		text += name + "=" + toText(values[name]) + "\n"
	}
	return text
}
