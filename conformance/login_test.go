package conformance_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// listener passes requests on, and tells of each.
type listener struct {
	http.RoundTripper
	heard func(r *http.Request, body string)
}

func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	l.heard(r, string(body))
	return l.RoundTripper.RoundTrip(r)
}

// A password that is out of date is found by one log-in, and does not lock the
// account by fifty more.
func TestALogInThatWasRefusedIsNotSentAgain(t *testing.T) {
	for _, system := range []string{"jmap-cloud", "saymon", "wedia"} {
		c, target := stranger(t, system)
		stale := target.Records["user"][1]
		for name := range stale {
			if c.Record("user").Fields[name].Secret {
				stale[name] = "out-of-date"
			}
		}
		sent := map[string]int{}
		target.Transport = listener{target.Transport, func(r *http.Request, body string) {
			_, password, _ := r.BasicAuth()
			if strings.Contains(body+r.URL.RawQuery+password, "out-of-date") {
				sent[r.Method+" "+r.URL.String()+" "+r.Header.Get("Accept")+r.Header.Get("Authorization")+body]++
			}
		}}
		p, err := conformance.NewPlan(c, target)
		if err != nil {
			t.Fatal(err)
		}
		shown := 0
		for _, x := range p.LogIns() {
			r, err := conformance.NewRunner(p, conformance.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Run(t.Context(), x).Status != conformance.Passed {
				shown++
			}
			r.Close(t.Context())
		}
		if shown == 0 {
			t.Errorf("%s: none of the %d log-ins that are tried first shows that a password is wrong", system, len(p.LogIns()))
		}
		clear(sent)
		r, err := conformance.NewRunner(p, conformance.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range p.Cases {
			if len(p.Cases) <= 500 || i%3 == 0 {
				r.Run(t.Context(), x)
			}
		}
		r.Close(t.Context())
		for request, n := range sent {
			if n > 1 {
				t.Errorf("%s: %d times %s", system, n, request)
			}
		}
		if len(sent) == 0 || r.Used().WrongPasswords < len(sent) {
			t.Errorf("%s: %d were sent, %d are said", system, len(sent), r.Used().WrongPasswords)
		}
	}
}

// What is nearly a token gives the token away.
func TestATokenThatWasForgedIsMaskedLikeTheOneItWasMadeOf(t *testing.T) {
	c, target := stranger(t, "jmap-cloud")
	presented := map[string]bool{}
	target.Transport = listener{target.Transport, func(r *http.Request, _ string) {
		if _, token, ok := strings.Cut(r.Header.Get("Authorization"), "Bearer "); ok && len(token) > 40 {
			presented[token] = true
		}
	}}
	p, err := conformance.NewPlan(c, target)
	if err != nil {
		t.Fatal(err)
	}
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	forged := 0
	for _, x := range p.Cases {
		if strings.Contains(x.ID, "forged") {
			forged++
		}
		said, err := json.Marshal(r.Run(t.Context(), x))
		if err != nil {
			t.Fatal(err)
		}
		for token := range presented {
			if bytes.Contains(said, []byte(token)) {
				t.Errorf("%s shows %s", x.ID, token)
			}
		}
		clear(presented)
	}
	if forged == 0 {
		t.Error("no case forges a token")
	}
}

func TestATokenThatMustStillLiveIsNotSleptOver(t *testing.T) {
	const shop = "../testdata/contracts/bookshop"
	c, err := specs.Load(shop)
	if err != nil {
		t.Fatal(err)
	}
	mock, err := mockserver.New(mockserver.File(shop), mockserver.AdminApart(), mockserver.Setting(c.Name, "accessLifetime", "4s"))
	if err != nil {
		t.Fatal(err)
	}
	target := &conformance.Target{URL: &url.URL{Scheme: "http", Host: "mock.test"}, Transport: mock.Transport(), Settings: map[string]any{"accessLifetime": 4 * time.Second},
		Records:      map[string][]map[string]any{"reader": {{"email": "ann@example.com", "password": "demo-ann"}}},
		Capabilities: conformance.Capabilities{Clock: conformance.ClockWait, Writes: true}}
	p, err := conformance.NewPlan(c, target)
	if err != nil {
		t.Fatal(err)
	}
	r, err := conformance.NewRunner(p, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	seen := 0
	for _, x := range p.Cases {
		if !strings.Contains(x.ID, "token.lives.access") {
			continue
		}
		if v := r.Run(t.Context(), x); v.Status != conformance.Passed {
			t.Errorf("%s %s: %s %v", v.ID, v.Status, v.Why, v.Mismatches)
		}
		if seen++; seen == 2 {
			break // each takes seconds
		}
	}
	if seen == 0 {
		t.Error("there is no case of a token that lives")
	}
}
