package mockserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
)

const (
	advance = mockserver.AdvanceField
	keep    = mockserver.KeepField
)

func TestARequestLetsTimeGoByAndKeepsTheWorld(t *testing.T) {
	p, m := startPanel(t)
	if _, err := m.NewWorld("lab", false); err != nil {
		t.Fatal(err)
	}
	at := func(name string) panel { return panel{t: t, root: p.root + "/w/" + name} }
	at("lab").must("POST", "/reset", `{"clock":{"freeze":"2026-01-01T00:00:00Z"}}`)
	token := at("lab@1").login()
	whoami := func(in panel, header ...string) said {
		return in.do("GET", "/api/rest/whoami", "", append([]string{"Authorization", "Bearer " + token}, header...)...)
	}
	s := whoami(at("lab@1"), advance, "19m59s", keep, "late")
	if s.status != http.StatusOK || s.header.Get(advance) != "19m59s" || s.header.Get(keep) != "late" {
		t.Fatalf("a second before the end: %d %v", s.status, s.header)
	}
	list := at("lab@1").requests("")
	if len(list) != 2 {
		t.Fatalf("the journal has %d entries, not the log-in and the call", len(list))
	}
	for _, e := range list {
		if e.Request.Headers[advance] != nil || e.Request.Headers[keep] != nil {
			t.Errorf("the journal has %v", e.Request.Headers)
		}
	}
	if now := at("lab@1").now(); !now.Equal(time.Date(2026, 1, 1, 0, 19, 59, 0, time.UTC)) {
		t.Errorf("it is %s", now)
	}
	s = whoami(at("lab@2~late"), advance, "1s", keep, "dead")
	if s.status != http.StatusUnauthorized || s.header.Get(keep) != "dead" {
		t.Errorf("at the end: %d %v", s.status, s.header)
	}
	at("lab@3~late").accepts(token, "where the world was kept")
	at("lab@4~dead").refuses(token, "token.expired.access", "where the world was kept after a refusal")
	s = whoami(at("lab@5~late"))
	if s.header.Get(advance) != "" || s.header.Get(keep) != "" {
		t.Errorf("who asks for nothing is told %v", s.header)
	}
}

func TestWhatAMockCannotDoForARequestIsRefused(t *testing.T) {
	p, _ := startPanel(t)
	p.must("POST", "/clock", `{"freeze":"2026-01-01T00:00:00Z"}`)
	for _, c := range []struct {
		field, value string
		status       int
		says         string
		header       []string
	}{
		{advance, "soon", 400, "a duration such as 20m", nil},
		{advance, "", 200, "", nil},
		{keep, "No Name", 400, "use a-z, 0-9 and -", nil},
		{advance, "1h", 403, "pages of another origin", []string{"Origin", "https://other.example"}},
	} {
		before := p.now()
		s := p.do("GET", "/api/rest/ping", "", append([]string{c.field, c.value}, c.header...)...)
		if c.status != 200 && (s.status != c.status || !strings.Contains(s.body, c.says)) {
			t.Errorf("%s: %q is answered %d %s", c.field, c.value, s.status, s.body)
		}
		if !p.now().Equal(before) {
			t.Errorf("%s: %q moved the clock", c.field, c.value)
		}
	}
	p.must("POST", "/clock", `{"freeze":"9998-12-01T00:00:00Z"}`)
	if s := p.do("GET", "/api/rest/ping", "", advance, "365d"); s.status != 400 || !strings.Contains(s.body, "9998-12-31") {
		t.Errorf("beyond all years: %d %s", s.status, s.body)
	}
}

func TestAMockWhoseControlAPIIsGuardedDoesNothingForARequest(t *testing.T) {
	for what, option := range map[string]mockserver.Option{"a token": mockserver.AdminToken("secret"), "a port": mockserver.AdminApart()} {
		p, m := startPanel(t, option)
		before := m.Default().Clock().Now()
		for _, field := range []string{advance, keep} {
			if s := p.do("GET", "/api/rest/whoami", "", field, "1h"); s.status != http.StatusForbidden || !strings.Contains(s.body, "guarded") {
				t.Errorf("%s: %s is answered %d %s", what, field, s.status, s.body)
			}
		}
		if d := m.Default().Clock().Now().Sub(before); d > time.Minute {
			t.Errorf("%s: the clock went on by %s", what, d)
		}
	}
}

func TestAWorldThatCannotBeKeptAnswersAllTheSame(t *testing.T) {
	p, m := startPanel(t)
	for i := range 100 {
		if err := m.Default().Keep(fmt.Sprintf("kept-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	s := p.do("GET", "/api/rest/ping", "", keep, "one-more")
	if s.header.Get(keep) != "" || s.status >= 500 {
		t.Errorf("%d %v", s.status, s.header)
	}
	list := p.requests("")
	if notes := list[len(list)-1].Notes; len(notes) != 1 || !strings.Contains(notes[0], "as many checkpoints as are allowed") {
		t.Errorf("the journal notes %q", notes)
	}
}
