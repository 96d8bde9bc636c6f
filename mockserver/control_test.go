package mockserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mockauth/mockauth/mockserver"
)

// panel is one place where the control API is reached, and the world behind it.
type panel struct {
	t    *testing.T
	root string // of the world
	host string // "" or another Host to send
}

// said is an answer.
type said struct {
	status int
	header http.Header
	body   string
}

func (s said) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.body), v); err != nil {
		t.Fatalf("%v: %s", err, s.body)
	}
}

func (p panel) do(method, path, body string, header ...string) said {
	p.t.Helper()
	req, err := http.NewRequest(method, p.root+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if p.host != "" {
		req.Host = p.host
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return said{res.StatusCode, res.Header, string(data)}
}

// must calls the control API and expects success.
func (p panel) must(method, path, body string) said {
	p.t.Helper()
	s := p.do(method, "/__admin"+path, body)
	if s.status >= 300 {
		p.t.Fatalf("%s %s %s: %d %s", method, path, body, s.status, s.body)
	}
	return s
}

// login signs the ordinary user in and returns the access token.
func (p panel) login() string {
	p.t.Helper()
	s := p.tryLogin()
	if s.status != http.StatusCreated {
		p.t.Fatalf("the login: %d %s", s.status, s.body)
	}
	var out struct {
		AccessToken string `json:"accessToken"`
	}
	s.into(p.t, &out)
	return out.AccessToken
}

func (p panel) tryLogin() said {
	p.t.Helper()
	form := url.Values{"login": {"john.roe"}, "password": {"demo-john"}}
	return p.do("POST", "/api/rest/signin", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// outcome is what became of a call with the token.
func (p panel) outcome(token string) string {
	p.t.Helper()
	s := p.do("GET", "/api/rest/whoami", "", "Authorization", "Bearer "+token)
	_, outcome, _ := strings.Cut(s.header.Get("Mockauth-Outcome"), " ")
	if (s.status == http.StatusOK) != !strings.Contains(outcome, "token.") {
		p.t.Fatalf("whoami: %d with outcome %s", s.status, outcome)
	}
	return outcome
}

func (p panel) accepts(token, when string) {
	p.t.Helper()
	if o := p.outcome(token); strings.HasPrefix(o, "token.") {
		p.t.Errorf("%s the token is refused: %s", when, o)
	}
}

func (p panel) refuses(token, reason, when string) {
	p.t.Helper()
	if o := p.outcome(token); o != reason {
		p.t.Errorf("%s the token has outcome %s, want %s", when, o, reason)
	}
}

func (p panel) now() time.Time {
	p.t.Helper()
	var c struct {
		Now time.Time `json:"now"`
	}
	p.must("GET", "/clock", "").into(p.t, &c)
	return c.Now
}

func (p panel) requests(query string) []mockserver.Exchange {
	p.t.Helper()
	var out []mockserver.Exchange
	p.must("GET", "/requests"+query, "").into(p.t, &out)
	return out
}

func (p panel) setting(name string) any {
	p.t.Helper()
	var out struct {
		Values map[string]any `json:"values"`
	}
	p.must("GET", "/settings/wedia", "").into(p.t, &out)
	v, ok := out.Values[name]
	if !ok {
		p.t.Fatalf("there is no setting %s", name)
	}
	return v
}

// world makes a world and returns its description.
func (p panel) world(body string) (name, baseURL string) {
	p.t.Helper()
	var w struct {
		Name    string `json:"name"`
		BaseURL string `json:"baseUrl"`
	}
	p.must("POST", "/worlds", body).into(p.t, &w)
	return w.Name, w.BaseURL
}

func startPanel(t *testing.T, options ...mockserver.Option) (panel, *mockserver.Mock) {
	t.Helper()
	m := mockserver.Start(t, append([]mockserver.Option{mockserver.System("wedia")}, options...)...)
	return panel{t: t, root: m.URL()}, m
}

func TestAdvancingTheClockEndsTokensWhenTheyAreDue(t *testing.T) {
	p, _ := startPanel(t)
	p.must("POST", "/clock", `{"freeze":"2026-01-01T00:00:00Z"}`)
	token := p.login()
	p.must("POST", "/clock", `{"advance":"19m59s"}`)
	p.accepts(token, "one second before its end")
	p.must("POST", "/clock", `{"advance":"1s"}`)
	p.refuses(token, "token.expired.access", "at its end")
	p.must("POST", "/clock", `{"advance":"-1s"}`)
	p.accepts(token, "when the clock was turned back")
}

func TestAFrozenClockStandsAndARunningOneGoesOnFromThere(t *testing.T) {
	start := time.Date(2030, 5, 5, 5, 5, 5, 0, time.UTC)
	var passed atomic.Int64
	p, _ := startPanel(t, mockserver.WallClock(func() time.Time { return start.Add(time.Duration(passed.Load())) }))
	if now := p.now(); !now.Equal(start) {
		t.Errorf("at first the time is %s, want that of the machine, %s", now, start)
	}
	frozen := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p.must("POST", "/clock", `{"freeze":"2026-01-01T01:00:00+01:00"}`)
	passed.Add(int64(time.Hour))
	if now := p.now(); !now.Equal(frozen) {
		t.Errorf("frozen, the time is %s, want %s", now, frozen)
	}
	if date := p.tryLogin().header.Get("Date"); date != frozen.Format(http.TimeFormat) {
		t.Errorf("the header Date is %q, want the time of the world", date)
	}
	p.must("POST", "/clock", `{"run":true}`)
	passed.Add(int64(time.Minute))
	if now := p.now(); !now.Equal(frozen.Add(time.Minute)) {
		t.Errorf("running again, the time is %s, want a minute after %s", now, frozen)
	}
	p.must("POST", "/clock", `{"freeze":"2026-02-01T00:00:00Z","advance":"30d"}`)
	if now, want := p.now(), time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC); !now.Equal(want) {
		t.Errorf("frozen and advanced at once, the time is %s, want %s", now, want)
	}
}

func TestSettingsChangeAtRunTimeAndIssuedTokensKeepTheirLife(t *testing.T) {
	p, _ := startPanel(t)
	p.must("POST", "/clock", `{"freeze":"2026-01-01T00:00:00Z"}`)
	old := p.login()
	p.must("PUT", "/settings/wedia", `{"values":{"tokenShortLifeTime":"2s"}}`)
	young := p.login()
	p.must("POST", "/clock", `{"advance":"2s"}`)
	p.refuses(young, "token.expired.access", "after its two seconds")
	p.accepts(old, "with the life that it was given")
	if v := p.setting("tokenShortLifeTime"); v != "2s" {
		t.Errorf("the setting reads %v, want 2s", v)
	}
}

func TestAProfileIsTakenWholeAndTheValuesOverIt(t *testing.T) {
	m := mockserver.Start(t, mockserver.System("crmcom"))
	p := panel{t: t, root: m.URL()}
	form := func() string {
		s := p.do("POST", "/crmapi/rest/v2/authentication/token", `{"username":"MPAdministrator","password":"1234","organisation":"ps_r13qa"}`, "Content-Type", "application/json")
		var out struct {
			Data struct {
				Token string `json:"token"`
			} `json:"data"`
		}
		s.into(t, &out)
		return fmt.Sprint(strings.Count(out.Data.Token, "."), " dots")
	}
	profile := func() string {
		var out struct {
			Profile string `json:"profile"`
		}
		p.must("GET", "/settings/crmcom", "").into(t, &out)
		return out.Profile
	}
	if profile() != "r12" || form() != "2 dots" {
		t.Fatalf("the default profile is %s, its token has %s; want r12 and a JWT", profile(), form())
	}
	p.must("PUT", "/settings/crmcom", `{"profile":"r9"}`)
	if profile() != "r9" || form() != "0 dots" {
		t.Errorf("after the change the profile is %s, its token has %s; want r9 and an opaque token", profile(), form())
	}
	s := p.do("PUT", "/__admin/settings/crmcom", `{"profile":"r15","values":{"no-such-setting":1}}`)
	if s.status != http.StatusBadRequest || profile() != "r9" {
		t.Errorf("a change with an error in it: %d, the profile is %s; want 400 and nothing changed", s.status, profile())
	}
	p.must("POST", "/reset", "")
	if profile() != "r12" {
		t.Errorf("after a reset the profile is %s, want r12", profile())
	}
}

func TestAResetBeginsTheWorldAgain(t *testing.T) {
	p, _ := startPanel(t)
	p.must("POST", "/clock", `{"freeze":"2026-01-01T00:00:00Z"}`)
	p.must("PUT", "/settings/wedia", `{"values":{"tokenShortLifeTime":"2s"}}`)
	p.must("POST", "/failures", `{"system":"wedia","operation":"whoami","reason":"token.revoked.access"}`)
	token := p.login()
	p.must("POST", "/reset", "")
	if n := len(p.requests("")); n != 0 {
		t.Errorf("the journal holds %d exchanges, want none", n)
	}
	if v := p.setting("tokenShortLifeTime"); v != "20m0s" {
		t.Errorf("the setting is %v, want its default", v)
	}
	if since := time.Since(p.now()); since > time.Minute || since < -time.Minute {
		t.Errorf("the clock is %s off the machine's", since)
	}
	p.refuses(token, "token.unknown.access", "after a reset")
	if n := p.requests("")[0].Number; n != 1 {
		t.Errorf("the first exchange after a reset has number %d, want 1", n)
	}
}

func TestAResetMaySayHowTheWorldBeginsAgain(t *testing.T) {
	p, _ := startPanel(t)
	body := `{"clock":{"freeze":"2026-01-01T00:00:00Z","advance":"1h"},"settings":{"wedia":{"values":{"tokenShortLifeTime":"2s"}}}}`
	start := time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
	for range 2 {
		token := p.login()
		p.must("POST", "/reset", body)
		if v := p.setting("tokenShortLifeTime"); v != "2s" {
			t.Errorf("the setting is %v, want what the reset said", v)
		}
		if now := p.now(); !now.Equal(start) {
			t.Errorf("it is %s, want %s", now, start)
		}
		p.refuses(token, "token.unknown.access", "after a reset")
		p.must("POST", "/clock", `{"advance":"1s"}`)
	}
	p.must("POST", "/reset", `{"settings":{"wedia":{"profile":"seed-example"}}}`)
	if v := p.setting("tokenShortLifeTime"); v == "2s" {
		t.Error("a setting outlives the reset that follows")
	}
	p.must("POST", "/reset", "")
	if since := time.Since(p.now()); since > time.Minute || since < -time.Minute || p.setting("tokenShortLifeTime") != "20m0s" {
		t.Errorf("after a reset without a body the clock is %s off, the setting %v", since, p.setting("tokenShortLifeTime"))
	}
}

func TestANewNumberAfterItsNameBeginsAWorldAgain(t *testing.T) {
	p, m := startPanel(t)
	if _, err := m.NewWorld("turns", false); err != nil {
		t.Fatal(err)
	}
	at := func(name string) panel { return panel{t: t, root: p.root + "/w/" + name} }
	at("turns").must("POST", "/reset", `{"clock":{"freeze":"2026-01-01T00:00:00Z"},"settings":{"wedia":{"values":{"tokenShortLifeTime":"2s"}}}}`)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	token := at("turns").login()
	for _, turn := range []string{"turns@1", "turns@2", "turns@1"} {
		w := at(turn)
		w.refuses(token, "token.unknown.access", "at "+turn)
		if v := w.setting("tokenShortLifeTime"); v != "2s" || !w.now().Equal(start) {
			t.Errorf("at %s the setting is %v, and it is %s", turn, v, w.now())
		}
		if n := len(w.requests("")); n != 1 {
			t.Errorf("at %s the journal holds %d exchanges, want one", turn, n)
		}
		token = w.login()
		w.accepts(token, "at the same turn")
		at("turns").accepts(token, "without a turn")
		w.must("POST", "/clock", `{"advance":"1s"}`)
	}
	at("turns").must("POST", "/reset", "")
	if v := at("turns@7").setting("tokenShortLifeTime"); v != "20m0s" {
		t.Errorf("after a reset without a body a new turn has the setting %v", v)
	}
	for _, name := range []string{"turns@", "turns@x", "turns@-1", "turns@1@2", "nobody@1", "turns@1234567890123456789"} {
		if s := at(name).do("GET", "/__admin/health", ""); s.status != http.StatusNotFound {
			t.Errorf("%s: %d %s, want 404", name, s.status, s.body)
		}
	}
}

// Requests that come at once at a new turn begin the world once.
func TestOneOfManyRequestsTurnsTheWorld(t *testing.T) {
	p, m := startPanel(t)
	if _, err := m.NewWorld("turns", false); err != nil {
		t.Fatal(err)
	}
	for turn := range 20 {
		w := panel{t: t, root: fmt.Sprintf("%s/w/turns@%d", p.root, turn+1)}
		tokens := make([]string, 6)
		var wg sync.WaitGroup
		for i := range tokens {
			wg.Go(func() { tokens[i] = w.login() })
		}
		wg.Wait()
		for _, token := range tokens {
			w.accepts(token, "of a login beside others")
		}
	}
}

func TestAResetThatIsWrongResetsNothing(t *testing.T) {
	p, _ := startPanel(t)
	p.must("POST", "/clock", `{"freeze":"2026-02-02T00:00:00Z"}`)
	token := p.login()
	for body, says := range map[string]string{
		`{"clock":{"freeze":"tomorrow"}}`: "clock: freeze",
		`{"clock":{}}`:                    "say what to do",
		`{"clock":{"freeze":"9998-12-31T00:00:00Z","advance":"48h"}}`:                  "a clock goes from",
		`{"settings":{"weida":{}}}`:                                                    `did you mean "wedia"?`,
		`{"settings":{"wedia":{"profile":"sede-example"}}}`:                            `did you mean "seed-example"?`,
		`{"settings":{"wedia":{"values":{"tokenShortLifeTime":"soon"}}}}`:              "tokenShortLifeTime",
		`{"settings":{"wedia":{"values":{"tokenShortLifeTime":"2s","nothing":true}}}}`: "no setting",
		`{"freeze":"2026-01-01T00:00:00Z"}`:                                            "freeze",
	} {
		s := p.do("POST", "/__admin/reset", body)
		if s.status != http.StatusBadRequest || !strings.Contains(strings.ReplaceAll(s.body, `\"`, `"`), says) {
			t.Errorf("%s: %d %s, want 400 and %q", body, s.status, s.body, says)
		}
	}
	p.accepts(token, "after resets that were refused")
	if now := p.now(); now.Format(time.DateOnly) != "2026-02-02" || p.setting("tokenShortLifeTime") != "20m0s" {
		t.Errorf("after resets that were refused it is %s, and the setting is %v", now, p.setting("tokenShortLifeTime"))
	}
}

func TestALaidFailureIsAnsweredAsOftenAsWasAskedAndThenNoMore(t *testing.T) {
	p, m := startPanel(t)
	_, root := p.world(`{}`)
	other := panel{t: t, root: root}
	p.must("POST", "/failures", `{"system":"wedia","operation":"signin","reason":"credentials.wrong.user","times":2}`)
	token := other.login()
	other.accepts(token, "in another world")
	for i := range 2 {
		s := p.tryLogin()
		if o := s.header.Get("Mockauth-Outcome"); o != "signin credentials.wrong.user" {
			t.Errorf("call %d has outcome %s", i+1, o)
		}
	}
	sessions, _, err := m.Default().Counts("wedia")
	if err != nil || sessions != 0 {
		t.Errorf("after two laid failures there are %d sessions (%v), want none", sessions, err)
	}
	p.accepts(p.login(), "after the laid failures")
}

func TestWorldsKnowNothingOfEachOther(t *testing.T) {
	main, m := startPanel(t)
	main.must("POST", "/clock", `{"freeze":"2026-01-01T00:00:00Z"}`)
	_, byPath := main.world(`{"name":"by-path"}`)
	_, byPort := main.world(`{"name":"by-port","port":true}`)
	main.world(`{"name":"by-host"}`)
	if byPath != m.URL()+"/w/by-path" {
		t.Errorf("the base URL of a world without a port is %s, want %s", byPath, m.URL()+"/w/by-path")
	}
	if u, err := url.Parse(byPort); err != nil || u.Path != "" || strings.HasPrefix(m.URL(), byPort) {
		t.Errorf("the base URL of a world with a port is %s, want a port of its own and no path", byPort)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(m.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	worlds := map[string]panel{
		"default": main, "by-path": {t: t, root: byPath}, "by-port": {t: t, root: byPort},
		"by-host": {t: t, root: m.URL(), host: "by-host.localhost:" + port},
	}
	tokens := map[string]string{}
	for name, p := range worlds {
		var h struct {
			World string `json:"world"`
		}
		p.must("GET", "/health", "").into(t, &h)
		if h.World != name {
			t.Errorf("the control API at %s speaks for %s", name, h.World)
		}
		tokens[name] = p.login()
	}
	for name, p := range worlds {
		for of, token := range tokens {
			if of == name {
				p.accepts(token, "in its own world "+name)
			} else {
				p.refuses(token, "token.unknown.access", "of "+of+" in "+name)
			}
		}
		if n := len(p.requests("")); n != 1+len(worlds) {
			t.Errorf("%s: the journal holds %d exchanges, want those of this world, %d", name, n, 1+len(worlds))
		}
	}
	one := worlds["by-path"]
	one.must("POST", "/clock", `{"freeze":"2027-01-01T00:00:00Z"}`)
	one.must("PUT", "/settings/wedia", `{"values":{"tokenShortLifeTime":"7m"}}`)
	for name, p := range worlds {
		mine := name == "by-path"
		if (p.now().Year() == 2027) != mine {
			t.Errorf("the clock of %s shows %s", name, p.now())
		}
		if (p.setting("tokenShortLifeTime") == "7m0s") != mine {
			t.Errorf("the setting of %s is %v", name, p.setting("tokenShortLifeTime"))
		}
	}
	one.must("POST", "/reset", "")
	for name, p := range worlds {
		if name != "by-path" {
			p.accepts(tokens[name], "after another world's reset, in "+name)
		}
	}
}

func TestTheSystemsOfAWorldAreListedWhereTheyAreServed(t *testing.T) {
	p, m := startPanel(t)
	_, byPort := p.world(`{"name":"own","port":true}`)
	p.world(`{"name":"shared"}`)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(m.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		at   panel
		want string
	}{
		"the default world":                {p, m.URL()},
		"the default world by name":        {panel{t: t, root: m.URL() + "/w/default"}, m.URL()},
		"a world by path":                  {panel{t: t, root: m.URL() + "/w/shared"}, m.URL() + "/w/shared"},
		"a world by host":                  {panel{t: t, root: m.URL(), host: "shared.localhost:" + port}, "http://localhost:" + port + "/w/shared"},
		"a world with a port, at its port": {panel{t: t, root: byPort}, byPort},
		"a world with a port, by path":     {panel{t: t, root: m.URL() + "/w/own"}, byPort},
	} {
		var systems []struct {
			BaseURLs []string `json:"baseUrls"`
			Curl     string   `json:"curl"`
		}
		x.at.must("GET", "/systems", "").into(t, &systems)
		if got := systems[0].BaseURLs[0]; got != x.want || !strings.Contains(systems[0].Curl, x.want+"/") {
			t.Errorf("%s is listed at %s, with %s; want %s", name, got, systems[0].Curl, x.want)
		}
	}
	var worlds []struct {
		Name    string `json:"name"`
		BaseURL string `json:"baseUrl"`
	}
	panel{t: t, root: byPort}.must("GET", "/worlds", "").into(t, &worlds)
	want := map[string]string{"default": m.URL(), "own": byPort, "shared": m.URL() + "/w/shared"}
	for _, w := range worlds {
		if w.BaseURL != want[w.Name] {
			t.Errorf("seen from the port of another world, %s is at %s, want %s", w.Name, w.BaseURL, want[w.Name])
		}
	}
}

func TestDeletingAWorldClosesItsPortAndForgetsItsName(t *testing.T) {
	p, m := startPanel(t)
	name, root := p.world(`{"port":true}`)
	panel{t: t, root: root}.login()
	p.must("DELETE", "/worlds/"+name, "")
	if res, err := http.Get(root + "/api/rest/config"); err == nil {
		_ = res.Body.Close()
		t.Errorf("the port of a deleted world answers with %d", res.StatusCode)
	}
	s := p.do("GET", "/w/"+name+"/api/rest/config", "")
	if s.status != http.StatusNotFound || !strings.Contains(s.body, `\"name\":\"`+name+`\"`) {
		t.Errorf("the path of a deleted world: %d %s; want 404, and how to make it", s.status, s.body)
	}
	if m.Server.World(name) != nil {
		t.Error("the server still has the world")
	}
	if again, _ := p.world(`{"name":"` + name + `"}`); again != name {
		t.Errorf("the name of a deleted world cannot be used again: %s", again)
	}
}

func TestThereAreSoManyWorldsAndNoMore(t *testing.T) {
	p, m := startPanel(t)
	for range 9_999 {
		if _, err := m.NewWorld("", false); err != nil {
			t.Fatal(err)
		}
	}
	s := p.do("POST", "/__admin/worlds", `{}`)
	if s.status != http.StatusConflict || !strings.Contains(s.body, "DELETE") {
		t.Errorf("one world too many: %d %s; want 409, and what would help", s.status, s.body)
	}
	p.must("DELETE", "/worlds/w1", "")
	p.must("POST", "/worlds", `{}`)
}

func TestTheControlAPITakesNoMoreThanAMebibyte(t *testing.T) {
	p, _ := startPanel(t)
	body := append([]byte(`{"advance":"1s"`), bytes.Repeat([]byte(" "), 1<<20)...)
	if s := p.do("POST", "/__admin/clock", string(body)+"}"); s.status != http.StatusBadRequest || !strings.Contains(s.body, "1 MiB") {
		t.Errorf("a body that is too large: %d %s", s.status, s.body)
	}
}

func TestThePageOfAnotherOriginIsKeptFromTheControlAPI(t *testing.T) {
	p, _ := startPanel(t)
	for _, h := range [][]string{
		{"Origin", "http://evil.example"},
		{"Origin", "null"},
		{"Origin", "http://localhost:3000", "Sec-Fetch-Site", "same-site"},
		{"Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"},
	} {
		s := p.do("POST", "/__admin/reset", "", h...)
		if s.status != http.StatusForbidden || s.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%v: %d with %v, want 403 and no CORS", h, s.status, s.header)
		}
	}
	if s := p.do("POST", "/__admin/reset", "", "Origin", p.root, "Sec-Fetch-Site", "same-origin"); s.status != http.StatusNoContent {
		t.Errorf("a page of the mock itself: %d, want 204", s.status)
	}
}

func TestAHostNameOfAnotherIsKeptFromTheControlAPI(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1:4010": 200, "[::1]:4010": 200, "localhost": 200, "w1.localhost:4010": 200, "192.0.2.7": 200, "mock.test": 200,
		"evil.example": 403, "evil.example:4010": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403,
	} {
		for _, token := range []string{"", "let-me-in"} {
			m := mockserver.StartWithoutPort(t, mockserver.System("wedia"), mockserver.AdminToken(token))
			r := httptest.NewRequest("GET", "http://"+host+"/__admin/systems", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			rec := httptest.NewRecorder()
			m.ServeHTTP(rec, r)
			if token != "" {
				if rec.Code != 200 {
					t.Errorf("%s with the token: %d, want 200", host, rec.Code)
				}
			} else if rec.Code != want {
				t.Errorf("%s: %d, want %d", host, rec.Code, want)
			}
		}
	}
}

func TestWithATokenEveryCallWantsItButHealth(t *testing.T) {
	p, _ := startPanel(t, mockserver.AdminToken("let-me-in"))
	if s := p.do("GET", "/__admin/health", ""); s.status != http.StatusOK {
		t.Errorf("health without the token: %d", s.status)
	}
	for _, path := range []string{"/systems", "/worlds/health", "/settings/health", "/w/x/health"} {
		for _, auth := range []string{"", "Bearer wrong", "Bearer", "Basic let-me-in", "let-me-in", "Bearer  let-me-in"} {
			var h []string
			if auth != "" {
				h = []string{"Authorization", auth}
			}
			s := p.do("GET", "/__admin"+path, "", h...)
			if s.status != http.StatusUnauthorized || !strings.HasPrefix(s.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with %q: %d, want 401 with a challenge", path, auth, s.status)
			}
		}
	}
	if s := p.do("GET", "/__admin/systems", "", "Authorization", "Bearer let-me-in"); s.status != http.StatusOK {
		t.Errorf("systems with the token: %d", s.status)
	}
	if s := p.do("GET", "/__admin/systems", "", "Authorization", "bearer let-me-in"); s.status != http.StatusOK {
		t.Errorf("systems with the scheme in small letters: %d; RFC 9110 section 11.1 makes it case-insensitive", s.status)
	}
	p.login()
}

func TestTheJournalIsFilteredByWhatIsAsked(t *testing.T) {
	p, _ := startPanel(t)
	p.refuses(p.login()+"x", "token.forged.access", "with a letter more")
	p.accepts(p.login(), "as it is")
	p.do("GET", "/no/such/path", "")
	for query, want := range map[string]int{
		"": 5, "?operation=signin": 2, "?outcome=token": 1, "?outcome=token.forged.access": 1, "?outcome=token.for": 0,
		"?status=201": 2, "?status=404": 1, "?system=wedia&operation=whoami": 2, "?after=3": 2, "?limit=2": 2, "?operation=whoami&status=401": 1,
	} {
		if got := p.requests(query); len(got) != want {
			t.Errorf("requests%s lists %d exchanges, want %d", query, len(got), want)
		}
	}
	if got := p.requests("?limit=1"); got[0].Number != 5 {
		t.Errorf("with limit=1 the exchange is number %d, want the youngest, 5", got[0].Number)
	}
}

func TestTheJournalOfAWorldIsBoundedInBytes(t *testing.T) {
	m := mockserver.StartWithoutPort(t, mockserver.System("wedia"))
	long := strings.Repeat("x", 15<<10)
	for range 900 {
		r := httptest.NewRequest("GET", "http://mock.test/api/rest/config?q="+long, nil)
		r.Header.Set("X-Long", long)
		m.ServeHTTP(httptest.NewRecorder(), r)
	}
	held := 0
	exchanges := m.Journal()
	for _, e := range exchanges {
		held += len(e.Request.URL) + len(e.Request.Headers.Get("X-Long"))
	}
	if held > 9<<20 || len(exchanges) < 100 {
		t.Errorf("%d exchanges with %d bytes are kept; want about 8 MiB", len(exchanges), held)
	}
	if last := exchanges[len(exchanges)-1].Number; last != 900 {
		t.Errorf("the youngest is #%d, want #900", last)
	}
}

func TestAClockNeverLeavesTheYearsThatCanBeWritten(t *testing.T) {
	p, _ := startPanel(t)
	for _, far := range []string{"9998-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2262-04-11T00:00:00Z"} {
		p.must("POST", "/clock", `{"freeze":"`+far+`"}`)
		p.accepts(p.login(), "at "+far)
		p.must("POST", "/clock", `{"run":true}`)
		want, err := time.Parse(time.RFC3339, far)
		if err != nil {
			t.Fatal(err)
		}
		if far[:4] != "9998" {
			if now := p.now(); now.Before(want) || now.Sub(want) > time.Hour {
				t.Errorf("frozen at %s, the clock runs on from %s", far, now)
			}
		}
	}
	p.must("POST", "/clock", `{"freeze":"9998-12-31T00:00:00Z"}`)
	for _, beyond := range []string{`{"advance":"24h"}`, `{"freeze":"9999-12-31T23:59:59Z"}`, `{"freeze":"0000-12-31T23:59:59Z"}`, `{"freeze":"0001-01-01T00:00:00Z","advance":"-1s"}`} {
		if s := p.do("POST", "/__admin/clock", beyond); s.status != http.StatusBadRequest || !strings.Contains(s.body, "9998-12-31") {
			t.Errorf("%s: %d %s, want 400 and where a clock ends", beyond, s.status, s.body)
		}
		if now := p.now(); now.Format(time.DateOnly) != "9998-12-31" {
			t.Errorf("%s was refused, and the clock says %s", beyond, now)
		}
	}
	p.must("POST", "/reset", "")
	began := p.now()
	for range 4 { // 292 years is the longest time.Duration
		p.must("POST", "/clock", `{"advance":"2500000h"}`)
	}
	if years := p.now().Year() - began.Year(); years < 1138 || years > 1142 {
		t.Errorf("4 x 2500000h are %d years", years)
	}
}

func TestAFailureIsNotLaidANegativeNumberOfTimes(t *testing.T) {
	p, _ := startPanel(t)
	if s := p.do("POST", "/__admin/failures", `{"system":"wedia","operation":"whoami","reason":"token.expired","times":-1}`); s.status != http.StatusBadRequest {
		t.Errorf("times -1: %d %s, want 400", s.status, s.body)
	}
}

func TestDoubleSlashesAreOneInTheControlAPI(t *testing.T) {
	p, _ := startPanel(t)
	for _, path := range []string{"/__admin//health", "/w/default/__admin//health", "/__admin/worlds//default"} {
		if s := p.do("GET", path, ""); s.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, s.status, s.body)
		}
	}
	if s := p.do("GET", "/__admin", ""); s.status != http.StatusNotFound || !strings.Contains(s.body, "openapi.json") {
		t.Errorf("/__admin: %d %s, want 404 and where to look", s.status, s.body)
	}
}
