package mockserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
)

// troubled is a mock of wedia to lay faults on, reached with and without a port.
type troubled struct {
	*testing.T
	mock   *mockserver.Mock
	world  *mockserver.World
	client *http.Client
}

// eachWay runs f with a port and without one.
func eachWay(t *testing.T, f func(t *troubled)) {
	t.Helper()
	for name, start := range map[string]func(mockserver.TB, ...mockserver.Option) *mockserver.Mock{"port": mockserver.Start, "transport": mockserver.StartWithoutPort} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t, mockserver.System("wedia"))
			x := &troubled{t, m, m.Default(), &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
			if name == "transport" {
				x.client.Transport = m.Transport()
			} else {
				tr := &http.Transport{}
				t.Cleanup(tr.CloseIdleConnections)
				x.client.Transport = tr
			}
			f(x)
		})
	}
}

func (t *troubled) lay(f mockserver.Fault) int {
	t.Helper()
	id, err := t.world.Lay(f)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// signIn logs in; the answer is nil if there was none.
func (t *troubled) signIn() (*reply, error) { return t.signInAs("demo-john") }

func (t *troubled) signInAs(password string) (*reply, error) {
	res, err := t.client.PostForm(t.mock.URL()+"/api/rest/signin", url.Values{"login": {"john.roe"}, "password": {password}})
	if err != nil {
		return nil, err
	}
	return readReply(res)
}

func (t *troubled) sessions() int {
	t.Helper()
	n, _, err := t.world.Counts("wedia")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fine logs in without trouble.
func (t *troubled) fine(when string) {
	t.Helper()
	if r, err := t.signIn(); err != nil || r.status != http.StatusCreated {
		t.Errorf("%s: %v", when, err)
	}
}

func TestWhatComesBeforeTheDecisionChangesNothing(t *testing.T) {
	t.Parallel()
	for _, f := range []mockserver.Fault{
		{Do: "reset"}, {Do: "hang", For: 10 * time.Millisecond},
		{Do: "answer", Status: 503, Header: map[string]string{"Retry-After": "7", "content-type": "text/plain"}, Body: "later"},
		{Do: "redirect", Location: "http://elsewhere.example/base/"},
		{Do: "huge", Size: 100_000},
	} {
		for _, outcome := range []string{"", "bearerMode"} {
			f.Outcome = outcome
			t.Run(f.Do+" "+outcome, func(t *testing.T) {
				t.Parallel()
				eachWay(t, func(t *troubled) {
					t.lay(f)
					r, err := t.signIn()
					if n := t.sessions(); n != 0 {
						t.Errorf("%d sessions were opened", n)
					}
					switch f.Do {
					case "reset", "hang":
						if !errors.Is(err, syscall.ECONNRESET) {
							t.Errorf("%v, want a reset", err)
						}
						t.journaled(f.Do, "", 0)
					case "answer":
						if err != nil || r.status != 503 || r.header.Get("Retry-After") != "7" || string(r.body) != "later" || r.outcome != "" {
							t.Errorf("answered %+v %v", r, err)
						}
						t.journaled("answer", "", 503)
					case "redirect":
						if err != nil || r.status != 307 || r.header.Get("Location") != "http://elsewhere.example/base/api/rest/signin" {
							t.Errorf("answered %+v %v", r, err)
						}
						t.journaled("redirect", "", 307)
					case "huge":
						if err != nil || r.status != 200 || len(r.body) != 100_000 || !json.Valid(r.body) || r.header.Get("Content-Type") != "application/json" {
							t.Errorf("answered %d bytes, %v", len(r.body), err)
						}
						t.journaled("huge", "", 200)
					}
					t.fine("the call after it")
					if s := t.world.Faults()[0]; s.Fired != 1 || s.Met != 2 {
						t.Errorf("met %d, fired %d", s.Met, s.Fired)
					}
				})
			})
		}
	}
}

// journaled checks the last exchange.
func (t *troubled) journaled(fault, outcome string, status int) {
	t.Helper()
	all := t.world.Journal()
	e := all[len(all)-1]
	if e.Fault != fault || e.Outcome != outcome || e.Response.Status != status {
		t.Errorf("journal: fault %q, outcome %q, status %d; want %q %q %d", e.Fault, e.Outcome, e.Response.Status, fault, outcome, status)
	}
}

func TestADroppedAnswerIsDecidedAndDone(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *troubled) {
		t.lay(mockserver.Fault{System: "wedia", Operation: "signin", Outcome: "bearerMode", Do: "drop"})
		if r, err := t.signIn(); !errors.Is(err, io.EOF) {
			t.Errorf("%v %v, want the end of the connection", r, err)
		}
		t.journaled("drop", "bearerMode", 0)
		if n := t.sessions(); n != 1 {
			t.Errorf("%d sessions, want the one that was opened", n)
		}
		t.fine("the call after it")
	})
}

func TestATruncatedAnswerEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *troubled) {
		t.lay(mockserver.Fault{Do: "truncate"})
		if _, err := t.signIn(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v, want a body that ends early", err)
		}
		if n := t.sessions(); n != 1 {
			t.Errorf("%d sessions, want the one that was opened", n)
		}
		t.fine("the call after it")
	})
}

func TestADelayedAnswerComesAfterItsTimeAndAtOnceWhenTheFaultIsTakenBack(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *troubled) {
		t.lay(mockserver.Fault{Do: "delay", For: 100 * time.Millisecond})
		start := time.Now()
		t.fine("delayed")
		if took := time.Since(start); took < 100*time.Millisecond {
			t.Errorf("answered after %s", took)
		}
		t.lay(mockserver.Fault{Do: "delay", For: time.Minute})
		done := make(chan struct{})
		go func() { defer close(done); t.fine("let go") }()
		t.waiting(1)
		t.world.ClearFaults()
		t.within(done, "the call goes on")
	})
}

// waiting waits until that many calls wait.
func (t *troubled) waiting(n int) {
	t.Helper()
	for range 500 {
		sum := 0
		for _, f := range t.world.Faults() {
			sum += f.Waiting
		}
		if sum == n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d calls do not come to wait: %+v", n, t.world.Faults())
}

func (t *troubled) within(done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("after ten seconds, not so: %s", what)
	}
}

func TestWhoeverWaitsIsLetGoByAllThatEndsAFault(t *testing.T) {
	t.Parallel()
	for _, do := range []string{"hang", "hold", "delay"} {
		for name, end := range map[string]func(t *troubled, id int){
			"clear":    func(t *troubled, _ int) { t.world.ClearFaults() },
			"one":      func(t *troubled, id int) { t.world.ClearFault(id) },
			"reset":    func(t *troubled, _ int) { t.world.Reset() },
			"close":    func(t *troubled, _ int) { _ = t.mock.Close() },
			"shutdown": func(t *troubled, _ int) { _ = t.mock.Shutdown(context.Background()) },
		} {
			t.Run(do+" "+name, func(t *testing.T) {
				t.Parallel()
				eachWay(t, func(t *troubled) {
					id := t.lay(mockserver.Fault{Do: do, For: time.Minute})
					done := make(chan struct{})
					go func() { defer close(done); _, _ = t.signIn() }()
					t.waiting(1)
					end(t, id)
					t.within(done, "the call ends")
				})
			})
		}
	}
}

func TestAHeldClientThatLeavesFreesItsPlace(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"arrival", "answer"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(t *troubled) {
				t.lay(mockserver.Fault{Do: "hold", At: at, For: 20 * time.Second})
				ctx, leave := context.WithCancel(context.Background())
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.mock.URL()+"/api/rest/signin", strings.NewReader("login=john.roe&password=demo-john"))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					if res, err := t.client.Do(req); err == nil {
						_ = res.Body.Close()
						t.Error("a client that left got an answer")
					}
				}()
				t.waiting(1)
				leave()
				t.within(gone, "the client leaves")
				t.waiting(0)
				if at == "arrival" && t.sessions() != 0 {
					t.Error("what it sent was decided")
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					if err := together(2, func(int) error { _, err := t.signIn(); return err }); err != nil {
						t.Error(err)
					}
				}()
				t.within(done, "two others go on")
				if s := t.world.Faults()[0]; s.GaveUp || s.Came != 2 {
					t.Errorf("gave up: %v, %d came", s.GaveUp, s.Came)
				}
			})
		})
	}
}

// The order in which held calls go on is the order of their decisions or of
// their answers, whatever the order in which they came.
func TestHeldCallsGoOnInTheOrderThatIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"arrival", "answer"} {
		for _, order := range [][]int{nil, {2, 1}, {3}, {3, 1, 2}, {2, 3, 1}} {
			t.Run(fmt.Sprint(at, order), func(t *testing.T) {
				t.Parallel()
				eachWay(t, func(t *troubled) {
					t.lay(mockserver.Fault{Do: "hold", At: at, Until: 3, Release: order, For: 20 * time.Second, Outcome: "credentials"})
					answered := make(chan int, 3)
					for i := range 3 {
						go func() {
							_, _ = t.signInAs(fmt.Sprint("wrong-", i))
							answered <- i + 1
						}()
						if i < 2 {
							t.waiting(i + 1)
						}
					}
					var got []int
					for range 3 {
						got = append(got, <-answered)
					}
					want := append([]int{}, order...)
					for n := 1; n <= 3; n++ {
						if !slices.Contains(want, n) {
							want = append(want, n)
						}
					}
					journal := []int{}
					for _, e := range t.world.Journal() {
						journal = append(journal, e.Number)
					}
					if !slices.Equal(journal, want) {
						t.Errorf("went on as %v, answered as %v; want %v", journal, got, want)
					}
				})
			})
		}
	}
}

func TestAHoldGivesUpAndSaysHowManyCame(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *troubled) {
		t.lay(mockserver.Fault{Do: "hold", Until: 3, For: 50 * time.Millisecond})
		t.fine("alone")
		s := t.world.Faults()[0]
		if !s.GaveUp || s.Came != 1 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		notes := t.world.Journal()[0].Notes
		if len(notes) != 1 || !strings.Contains(notes[0], "1 of 3 callers came") {
			t.Errorf("notes: %q", notes)
		}
		start := time.Now()
		t.fine("after it")
		if time.Since(start) > 5*time.Second {
			t.Error("the hold went on after it gave up")
		}
	})
}

func TestFaultsCountTheCallsThatFitThem(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *troubled) {
		t.lay(mockserver.Fault{Outcome: "credentials", Call: 2, Times: 2, Do: "answer", Status: 418})
		t.lay(mockserver.Fault{Operation: "whoami", Times: -1, Do: "answer", Status: 503})
		t.lay(mockserver.Fault{Outcome: "credentials.wrong.user", Call: 4, Do: "answer", Status: 500})
		var got []int
		for _, password := range []string{"demo-john", "a", "demo-john", "b", "c", "demo-john", "d", "e"} {
			r, err := t.signInAs(password)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.status)
		}
		if want := "[201 401 201 418 418 201 500 401]"; fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
		for range 3 {
			res, err := t.client.Get(t.mock.URL() + "/api/rest/whoami")
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != 503 {
				t.Errorf("status %d", res.StatusCode)
			}
		}
	})
}

// A refused fault says what would work, and is not laid.
func TestAFaultThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	m := mockserver.StartWithoutPort(t, mockserver.System("wedia"))
	for _, c := range []struct {
		f    mockserver.Fault
		says string
	}{
		{mockserver.Fault{}, "say what to do: one of reset, drop"},
		{mockserver.Fault{Do: "rest"}, `did you mean "reset"`},
		{mockserver.Fault{Do: "reset", System: "wedai"}, `did you mean "wedia"`},
		{mockserver.Fault{Do: "reset", System: "wedia", Operation: "sigin"}, `did you mean "signin"`},
		{mockserver.Fault{Do: "reset", Operation: "sigin"}, `did you mean "signin"`},
		{mockserver.Fault{Do: "reset", Call: -1}, "call is"},
		{mockserver.Fault{Do: "reset", Times: -2}, "times is"},
		{mockserver.Fault{Do: "hang", For: time.Hour}, "up to 5m0s"},
		{mockserver.Fault{Do: "delay", For: -1}, "up to 5m0s"},
		{mockserver.Fault{Do: "huge", Size: 1 << 40}, "up to 1073741824"},
		{mockserver.Fault{Do: "huge", Size: -1}, "number of bytes"},
		{mockserver.Fault{Do: "drop", Status: 500}, "status says nothing"},
		{mockserver.Fault{Do: "drop", Until: 2}, "it belongs to hold"},
		{mockserver.Fault{Do: "answer", Status: 99}, "200 to 599"},
		{mockserver.Fault{Do: "answer", Header: map[string]string{"A b": ""}}, "cannot be the name"},
		{mockserver.Fault{Do: "answer", Header: map[string]string{"A": "b\r\nc: d"}}, "line breaks"},
		{mockserver.Fault{Do: "answer", Header: map[string]string{"content-length": "5"}}, "written by the server"},
		{mockserver.Fault{Do: "answer", Body: strings.Repeat("x", 1<<20)}, "use huge"},
		{mockserver.Fault{Do: "redirect"}, "an absolute URL"},
		{mockserver.Fault{Do: "redirect", Location: "/there"}, "an absolute URL"},
		{mockserver.Fault{Do: "redirect", Location: "http://x/", Status: 200}, "301, 302"},
		{mockserver.Fault{Do: "hold", Until: 100_000}, "1 to 1000"},
		{mockserver.Fault{Do: "hold", At: "end"}, `"arrival" or "answer"`},
		{mockserver.Fault{Do: "hold", Release: []int{3}}, "1 to 2; 3 is not"},
		{mockserver.Fault{Do: "hold", Release: []int{1, 1}}, "each once"},
		{mockserver.Fault{Do: "alter"}, "one or more of unknown-members"},
		{mockserver.Fault{Do: "alter", Alter: []string{"revers"}}, `did you mean "reversed"`},
	} {
		if _, err := m.Default().Lay(c.f); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %s", c.f, err, c.says)
		}
	}
	if n := len(m.Default().Faults()); n != 0 {
		t.Errorf("%d were laid", n)
	}
	for range 1000 {
		if _, err := m.Default().Lay(mockserver.Fault{Do: "reset"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Default().Lay(mockserver.Fault{Do: "reset"}); err == nil || !strings.Contains(err.Error(), "1000 faults are laid") {
		t.Errorf("the 1,001st: %v", err)
	}
}

// What is laid on one world is no trouble to another.
func TestFaultsStayInTheirWorld(t *testing.T) {
	t.Parallel()
	m := mockserver.StartWithoutPort(t, mockserver.System("wedia"))
	other := m.World(t)
	if _, err := other.Lay(mockserver.Fault{Do: "reset", Times: -1}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Client().Get(m.URL() + "/api/rest/whoami"); err != nil {
		t.Error(err)
	}
	if _, err := m.Client().Get(other.URL() + "/api/rest/whoami"); err == nil {
		t.Error("no reset")
	}
}

// A huge answer to a client that leaves stops.
func TestAHugeAnswerStopsWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	m := mockserver.Start(t, mockserver.System("wedia"))
	if _, err := m.Default().Lay(mockserver.Fault{Do: "huge", Size: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(m.URL() + "/api/rest/whoami")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 1<<20)); err != nil {
		t.Error(err)
	}
	_ = res.Body.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := m.Shutdown(ctx); err != nil {
		t.Errorf("it is still being written: %v", err)
	}
}

// rawCall sends requests as they are and reads all that comes.
func rawCall(t *testing.T, base, requests string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, requests); err != nil {
		t.Fatal(err)
	}
	all, _ := io.ReadAll(conn) // a reset is an end, too
	return string(all)
}

// Calls before and after a fault on one connection are answered as ever.
func TestFaultsKeepTheirPlaceInAPipeline(t *testing.T) {
	t.Parallel()
	m := mockserver.Start(t, mockserver.System("wedia"))
	const get, head = "GET /api/rest/whoami HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD /api/rest/whoami HTTP/1.1\r\nHost: x\r\n\r\n"
	const last = "GET /api/rest/whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	for _, c := range []struct {
		fault    mockserver.Fault
		requests string
		statuses string
	}{
		{mockserver.Fault{Do: "answer", Status: 503, Body: "later", Call: 2}, get + get + last, "401 503 401"},
		{mockserver.Fault{Do: "answer", Status: 503, Body: "later", Call: 2}, get + head + last, "401 503 401"},
		{mockserver.Fault{Do: "answer", Status: 204}, get + last, "204 401"},
		{mockserver.Fault{Do: "huge", Size: 100_000}, get + last, "200 401"},
		{mockserver.Fault{Do: "huge", Size: 100_000}, head + last, "200 401"},
		{mockserver.Fault{Do: "redirect", Location: "http://x.example/y", Status: 302}, get + last, "302 401"},
		{mockserver.Fault{Do: "delay", For: time.Millisecond}, get + last, "401 401"},
		{mockserver.Fault{Do: "hold", Until: 1}, get + last, "401 401"},
		{mockserver.Fault{Do: "hold", Until: 1, At: "answer"}, head + last, "401 401"},
		{mockserver.Fault{Do: "truncate"}, get + last, "401"},
		{mockserver.Fault{Do: "truncate"}, head + last, "401 401"},
		{mockserver.Fault{Do: "drop", Call: 2}, get + get + last, "401"},
		{mockserver.Fault{Do: "twice"}, get, "401 401"},
		{mockserver.Fault{Do: "twice"}, head, "401 401"},
	} {
		m.Default().Reset()
		if _, err := m.Default().Lay(c.fault); err != nil {
			t.Fatal(err)
		}
		var got []string
		all := rawCall(t, m.URL(), c.requests)
		for _, part := range strings.Split(all, "HTTP/1.1 ")[1:] {
			got = append(got, part[:3])
		}
		if s := strings.Join(got, " "); s != c.statuses {
			t.Errorf("%+v: %s, want %s", c.fault, s, c.statuses)
		}
	}
	if n := len(m.Default().Faults()); n != 1 {
		t.Errorf("after Reset and Lay there are %d faults", n)
	}
}

// Behind a server of the user's own, over TLS and HTTP/2, the client sees the same
// end, but for an answer that is written twice: a stream has one.
func TestFaultsBehindAnotherServer(t *testing.T) {
	t.Parallel()
	for _, two := range []bool{false, true} {
		m := mockserver.StartWithoutPort(t, mockserver.System("wedia"))
		server := httptest.NewUnstartedServer(m.Server)
		server.EnableHTTP2 = two
		server.StartTLS()
		t.Cleanup(server.Close)
		for do, fails := range map[string]bool{"reset": true, "drop": true, "truncate": true, "twice": false, "huge": false} {
			if _, err := m.Default().Lay(mockserver.Fault{Do: do}); err != nil {
				t.Fatal(err)
			}
			res, err := server.Client().Post(server.URL+"/api/rest/signin", "application/x-www-form-urlencoded", strings.NewReader("login=john.roe&password=demo-john"))
			if err == nil {
				if two != (res.ProtoMajor == 2) {
					t.Errorf("%s", res.Proto)
				}
				_, err = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
			if fails != (err != nil) {
				t.Errorf("HTTP/2 %v, %s: %v", two, do, err)
			}
			m.Default().ClearFaults()
		}
	}
}

// What was taken back while a call was held is not done to it.
func TestAFaultThatIsTakenBackIsNotDoneToAHeldCall(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *troubled) {
		t.lay(mockserver.Fault{Do: "hold", For: time.Minute})
		t.lay(mockserver.Fault{Do: "reset"})
		done := make(chan struct{})
		go func() { defer close(done); t.fine("let go") }()
		t.waiting(1)
		t.world.ClearFaults()
		t.within(done, "the call goes on")
	})
}

// A preflight is met only by a fault that is aimed at it: it is the browser's
// own call.
func TestAPreflightIsNoCallOfTheClient(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *troubled) {
		preflight := func() int {
			req, err := http.NewRequest(http.MethodOptions, t.mock.URL()+"/api/rest/signin", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", "http://page.example")
			req.Header.Set("Access-Control-Request-Method", "POST")
			res, err := t.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			return res.StatusCode
		}
		t.lay(mockserver.Fault{Do: "answer", Status: 503})
		if s := preflight(); s != 204 {
			t.Errorf("status %d", s)
		}
		if r, err := t.signIn(); err != nil || r.status != 503 {
			t.Errorf("the call itself: %v", err)
		}
		t.lay(mockserver.Fault{Do: "answer", Status: 500, Outcome: "options"})
		if s := preflight(); s != 500 {
			t.Errorf("status %d", s)
		}
	})
}

// Several faults at one call: those that stand beside others are all done, of
// the rest the first that was laid.
func TestFaultsThatMeetAtOneCall(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *troubled) {
		t.lay(mockserver.Fault{Do: "delay", For: 30 * time.Millisecond})
		t.lay(mockserver.Fault{Do: "answer", Status: 503, Outcome: "bearerMode"})
		t.lay(mockserver.Fault{Do: "hold", Until: 1})
		t.lay(mockserver.Fault{Do: "reset"})
		start := time.Now()
		r, err := t.signIn()
		if err != nil || r.status != 503 || time.Since(start) < 30*time.Millisecond || r.header.Get("Mockauth-Fault") != "hold+delay+answer" {
			t.Errorf("%v after %s: %v", r, time.Since(start), err)
		}
		fired := []int{}
		for _, f := range t.world.Faults() {
			fired = append(fired, f.Fired)
		}
		if fmt.Sprint(fired) != "[1 1 1 0]" {
			t.Errorf("fired: %v", fired)
		}
	})
}

// The observer is told of every exchange, also of those that get no answer.
func TestAnObserverIsToldWhatWasDone(t *testing.T) {
	t.Parallel()
	var seen watcher
	m := mockserver.StartWithoutPort(t, mockserver.System("wedia"), seen.option())
	x := &troubled{t, m, m.Default(), m.Client()}
	for i, c := range []struct {
		fault                  mockserver.Fault
		outcome, would, fault2 string
		status, opened         int
	}{
		{mockserver.Fault{Do: "reset"}, "", "bearerMode", "reset", 0, 0},
		{mockserver.Fault{Do: "answer", Status: 503}, "", "bearerMode", "answer", 503, 0},
		{mockserver.Fault{Do: "drop"}, "bearerMode", "", "drop", 0, 1},
		{mockserver.Fault{Do: "hold", Until: 1, At: "answer"}, "bearerMode", "", "hold", 201, 1},
	} {
		x.lay(c.fault)
		_, _ = x.signIn()
		o := seen.of(m.Default())[i]
		if o.Outcome != c.outcome || o.Would != c.would || o.Fault != c.fault2 || o.Status != c.status || len(o.Opened) != c.opened || o.Operation != "signin" {
			t.Errorf("%+v: outcome %q, would %q, fault %q, status %d, opened %v", c.fault, o.Outcome, o.Would, o.Fault, o.Status, o.Opened)
		}
		if o.Status == 0 && (o.AnswerBody != nil || o.AnswerHeader != nil) {
			t.Errorf("%+v: an answer that was not written", c.fault)
		}
	}
}

// Held calls, clients that leave, faults that come and go, all at once: nothing
// is left behind.
func TestFaultsUnderLoadLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *troubled) {
		kinds := []mockserver.Fault{
			{Do: "hold", Until: 3, Release: []int{3, 1}, For: 20 * time.Millisecond, Times: -1},
			{Do: "hold", Until: 2, At: "answer", For: 20 * time.Millisecond, Times: 3, Outcome: "bearerMode"},
			{Do: "hang", For: 10 * time.Millisecond, Call: 2}, {Do: "reset", Call: 3}, {Do: "drop", Times: 2}, {Do: "truncate", Call: 2},
			{Do: "delay", For: 5 * time.Millisecond, Times: -1}, {Do: "answer", Status: 503, Times: 2}, {Do: "huge", Size: 1 << 16},
		}
		if err := together(16, func(i int) error {
			for n := range 12 {
				if n == 7 && i%4 == 0 {
					t.world.ClearFaults()
				}
				if _, err := t.world.Lay(kinds[(i+n)%len(kinds)]); err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(5+(i*n)%40)*time.Millisecond)
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.mock.URL()+"/api/rest/signin", strings.NewReader("login=john.roe&password=demo-john"))
				if err != nil {
					cancel()
					return err
				}
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if res, err := t.client.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
				cancel()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		t.waiting(0)
		t.world.ClearFaults()
		t.fine("after all of it")
	})
}
