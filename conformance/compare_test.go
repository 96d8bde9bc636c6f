package conformance_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
)

// altered is a transport whose answers are changed, but for the control API's.
type altered struct {
	http.RoundTripper

	change func([]byte) []byte
}

func (a altered) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := a.RoundTripper.RoundTrip(r)
	if err != nil || strings.Contains(r.URL.Path, conformance.ControlPath) {
		return res, err
	}
	b, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	b = a.change(b)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	res.Header.Del("Content-Length")
	return res, err
}

// against plans for a mock of a system whose answers are changed.
func against(t *testing.T, system string, change func([]byte) []byte) (*conformance.Plan, *conformance.Runner) {
	t.Helper()
	srv, err := mockserver.New(mockserver.System(system))
	if err != nil {
		t.Fatal(err)
	}
	u := &url.URL{Scheme: "http", Host: "mock.test"}
	target, found, err := conformance.Discover(t.Context(), &conformance.Target{URL: u, Transport: altered{srv.Transport(), change}}, system)
	if err != nil || !found {
		t.Fatalf("the mock is not found: %v", err)
	}
	p, err := conformance.NewPlan(mustSystem(t, system), target)
	if err != nil {
		t.Fatal(err)
	}
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(t.Context()) })
	return p, r
}

// A record is bound as a whole, and some of its members beside it: what is wrong
// with one of those is said once.
func TestWhatDiffersIsSaidOnce(t *testing.T) {
	p, r := against(t, "saymon", func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`"authenticationToken":null`), []byte(`"authenticationToken":"other"`))
	})
	seen := 0
	for _, c := range p.Cases {
		if c.Operation != "currentUser" || c.Kind != "answer" {
			continue
		}
		said := map[string]int{}
		for _, m := range r.Run(t.Context(), c).Mismatches {
			said[m.In+m.Pointer]++
			if m.Pointer == "/authenticationToken" {
				seen++
			}
		}
		for what, n := range said {
			if n > 1 {
				t.Errorf("%s says %d times what is wrong with %s", c.ID, n, what)
			}
		}
	}
	if seen == 0 {
		t.Error("it was not seen at all")
	}
}

// How a server words a refusal is its own affair, unless the contract calls the
// member a code. That there is a text is not.
func TestTheWordingOfARefusalIsNotCompared(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		passes  bool
	}{
		"other words": {`"message":"no"`, true},
		"no words":    {`"note":"no"`, false},
		"no text":     {`"message":7`, false},
	} {
		p, r := against(t, "jmap-cloud", func(b []byte) []byte {
			if bytes.Contains(b, []byte(`"result"`)) {
				return b
			}
			return regexp.MustCompile(`"message":"[^"]*"`).ReplaceAll(b, []byte(c.message))
		})
		n := 0
		for _, x := range p.Cases {
			if x.Kind == "law" || !strings.HasPrefix(x.Outcome, "request.") && !strings.HasPrefix(x.Outcome, "token.") {
				continue
			}
			n++
			v := r.Run(t.Context(), x)
			if passes := v.Status == conformance.Passed; passes != c.passes && v.Status != conformance.NotTestable {
				t.Errorf("%s: %s is %s: %+v", name, x.ID, v.Status, v.Mismatches)
			}
		}
		if n == 0 {
			t.Error("there is no refusal")
		}
	}
}
