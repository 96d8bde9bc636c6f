package mockserver_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// watcher keeps what an observer was told, by world.
type watcher struct {
	mu   sync.Mutex
	seen map[string][]mockserver.Observation
}

func (w *watcher) option() mockserver.Option {
	w.seen = map[string][]mockserver.Observation{}
	return mockserver.Observe(func(o mockserver.Observation) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen[o.World] = append(w.seen[o.World], o)
	})
}

func (w *watcher) of(world *mockserver.World) []mockserver.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen[world.Name()])
}

// Whatever ends a token, an observer is told which; and of each use whether the
// token lived before it.
func TestAnObserverIsToldOfEveryTokenFromIssueToEnd(t *testing.T) {
	t.Parallel()
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			var seen watcher
			server := newServer(t, mockserver.System(system), mockserver.Seed(1), seen.option())
			for _, l := range livesOf(t, system) {
				w := walker{t, server, system, l, midnight}
				ends := l.Ends
				if l.Again != nil {
					ends = append(ends[:len(ends):len(ends)], variant{About: "a younger one takes its place", Steps: l.Again})
				}
				if server.Contract(system).Token(l.Token).Once {
					ends = append(ends[:len(ends):len(ends)], variant{About: "it is used", Steps: l.Use})
				}
				for _, v := range ends {
					s := w.born(v.Profile, v.Settings)
					text := s.names["token"]
					s.play(l.Use[:len(l.Use)-1])
					s.play(v.Steps)
					use := l.Use[len(l.Use)-1]
					use.Capture = nil
					s.one(use)
					all := seen.of(s.world)
					issued := slices.IndexFunc(all, func(o mockserver.Observation) bool {
						return slices.ContainsFunc(o.Issued, func(i mockserver.Issued) bool { return i.Text == text && i.Kind == l.Token && i.Session != "" })
					})
					ended := slices.IndexFunc(all, func(o mockserver.Observation) bool { return slices.Contains(o.Ended, text) })
					if issued < 0 || ended <= issued && ended != issued {
						t.Errorf("%s, %s, %s: issued in exchange %d, ended in %d of %d", l.Token, l.About, v.About, issued, ended, len(all))
						continue
					}
					last := all[len(all)-1]
					i := slices.IndexFunc(last.Presented, func(p mockserver.Presented) bool { return p.Text == text })
					if i < 0 || last.Presented[i].Dead == "" {
						t.Errorf("%s, %s, %s: the dead token was presented as %+v", l.Token, l.About, v.About, last.Presented)
					}
				}
			}
		})
	}
}

// What an observer sees is one history: a token that has ended is never
// presented as living after that, however many use it at once.
func TestObservationsComeInTheOrderOfTheDecisions(t *testing.T) {
	t.Parallel()
	var seen watcher
	m := mockserver.Start(t, mockserver.System("jmap-cloud"), seen.option())
	s := overNetwork(t, m, "jmap-cloud")
	for _, l := range livesOf(t, "jmap-cloud") {
		if !m.Contract("jmap-cloud").Token(l.Token).Once {
			continue
		}
		s.set(l.Profile, l.Settings)
		s.play(l.Issue)
		use := l.Use[len(l.Use)-1].Request
		if err := together(16, func(int) error { _, err := s.send(use); return err }); err != nil {
			t.Fatal(err)
		}
	}
	dead := map[string]bool{}
	uses := 0
	for _, o := range seen.of(s.world) {
		for _, p := range o.Presented {
			uses++
			if (p.Dead != "") != dead[p.Text] {
				t.Errorf("exchange %d: %s %q, and ended before is %v", o.Number, p.Kind, p.Dead, dead[p.Text])
			}
		}
		for _, text := range o.Ended {
			dead[text] = true
		}
	}
	if uses == 0 || len(dead) == 0 {
		t.Errorf("%d uses and %d ends were seen: nothing was tested", uses, len(dead))
	}
}

func TestAnObserverSeesARequestAndItsAnswerAsTheyAre(t *testing.T) {
	t.Parallel()
	var seen watcher
	m := mockserver.Start(t, mockserver.System("wedia"), seen.option())
	res, err := http.PostForm(m.URL()+"/api/rest/signin?x=1", url.Values{"login": {"john.roe"}, "password": {"demo-john"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := readReply(res)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.Head(m.URL() + "/nowhere"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Post(m.URL()+"/api/rest/signin", "application/x-www-form-urlencoded", strings.NewReader("login=john.roe")); err != nil {
		t.Fatal(err)
	}
	all := seen.of(m.Default())
	if len(all) != 3 {
		t.Fatalf("%d observations of 3 exchanges", len(all))
	}
	o := all[0]
	for what, pair := range map[string][2]any{
		"system": {o.System, "wedia"}, "operation": {o.Operation, "signin"}, "method": {o.Method, "POST"}, "URL": {o.URL, "/api/rest/signin?x=1"},
		"host": {"http://" + o.Host, m.URL()}, "status": {o.Status, r.status}, "body": {string(o.AnswerBody), string(r.body)},
		"sent": {string(o.Body), "login=john.roe&password=demo-john"}, "secrets": {fmt.Sprint(o.Secrets), "[demo-john]"},
		"type": {o.AnswerHeader.Get("Content-Type"), r.header.Get("Content-Type")}, "length": {o.AnswerHeader.Get("Content-Length"), fmt.Sprint(len(r.body))},
		"outcome": {o.Outcome, r.outcome}, "opened": {len(o.Opened), 1}, "remote": {strings.HasPrefix(o.RemoteAddr, "127.0.0.1:"), true},
		"time": {o.Time.IsZero() || o.Wall.IsZero(), false},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	if len(o.Issued) == 0 || !strings.Contains(string(r.body), o.Issued[0].Text) {
		t.Errorf("issued: %+v", o.Issued)
	}
	if all[1].Outcome != "request.path" || all[1].Operation != "" || len(all[1].AnswerBody) > 0 {
		t.Errorf("HEAD of a path that there is not: %+v", all[1])
	}
	if all[2].Why == "" || all[2].Status < 400 {
		t.Errorf("a refusal: %+v", all[2])
	}
}
