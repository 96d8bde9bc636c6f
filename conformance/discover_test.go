package conformance_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

func TestOurMockTellsAllThatATargetFileWould(t *testing.T) {
	t.Parallel()
	mock := mockserver.Start(t)
	for _, name := range specs.Systems() {
		found, ok, err := conformance.Discover(t.Context(), &conformance.Target{URL: mustURL(t, mock.URL())}, name)
		if err != nil || !ok {
			t.Fatalf("%s: %v, %v", name, ok, err)
		}
		c, err := specs.System(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := session.Settings(c, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := session.Settings(c, found.Profile, found.Settings)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: settings %v, %v; want %v", name, got, err, want)
		}
		for _, k := range c.Records {
			if len(found.Records[k.Name]) == 0 {
				t.Errorf("%s: no %s", name, k.Name)
			}
		}
		caps := conformance.Capabilities{Clock: conformance.ClockControl, SetSettings: true, Worlds: true, Writes: true, Exclusive: true}
		if !reflect.DeepEqual(found.Capabilities, caps) || !found.Complete || found.Control != mock.URL()+"/__admin" {
			t.Errorf("%s: %+v", name, found)
		}
		if len(conformance.SecretsOf(c, found)) == 0 {
			t.Errorf("%s: no secrets", name)
		}
	}
	if n := len(mock.Worlds()); n != 1 {
		t.Errorf("%d worlds are left", n)
	}
}

func TestWhatTheUserSaysOfAMockStays(t *testing.T) {
	t.Parallel()
	mock := mockserver.StartWithoutPort(t, mockserver.System("wedia"))
	own := map[string][]map[string]any{"user": {{"login": "me"}}}
	found, ok, err := conformance.Discover(t.Context(), &conformance.Target{
		URL: mustURL(t, "http://mock.test"), Transport: mock.Transport(), Records: own, Budgets: conformance.Budgets{Sessions: 3},
	}, "wedia")
	if err != nil || !ok || !reflect.DeepEqual(found.Records, own) || found.Complete || found.Budgets.Sessions != 3 {
		t.Errorf("%+v, %v, %v", found, ok, err)
	}
}

func TestAMockOfAnotherSystemIsAnError(t *testing.T) {
	t.Parallel()
	mock := mockserver.StartWithoutPort(t, mockserver.System("wedia"))
	_, ok, err := conformance.Discover(t.Context(), &conformance.Target{URL: mustURL(t, "http://mock.test"), Transport: mock.Transport()}, "crmcom")
	if ok || err == nil || !strings.Contains(err.Error(), "does not serve crmcom; it serves wedia") {
		t.Errorf("%v, %v", ok, err)
	}
	if n := len(mock.Worlds()); n != 1 {
		t.Errorf("%d worlds are left", n)
	}
}

func TestAMockThatWantsATokenSaysSo(t *testing.T) {
	t.Parallel()
	mock := mockserver.StartWithoutPort(t, mockserver.System("wedia"), mockserver.AdminToken("control-token"))
	target := conformance.Target{URL: mustURL(t, "http://mock.test"), Transport: mock.Transport()}
	for given, want := range map[string]string{"": "wants the token", "wrong": "does not take this control token", "control-token": ""} {
		target.ControlToken = given
		_, ok, err := conformance.Discover(t.Context(), &target, "wedia")
		if ok != (want == "") || (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", given, ok, err)
		}
	}
}

func TestAMockUnderAForeignNameSaysWhy(t *testing.T) {
	t.Parallel()
	mock := mockserver.StartWithoutPort(t, mockserver.System("wedia"))
	_, _, err := conformance.Discover(t.Context(), &conformance.Target{URL: mustURL(t, "http://staging.example.com"), Transport: mock.Transport()}, "wedia")
	if err == nil || !strings.Contains(err.Error(), "--admin-token") {
		t.Error(err)
	}
}

func TestAnotherServerIsNotOurs(t *testing.T) {
	t.Parallel()
	answers := map[string]http.HandlerFunc{
		"nothing there": http.NotFound,
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "<!DOCTYPE html><title>Log in</title>")
		},
		"health of its own": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"status":"ok"}`)
		},
		"another form": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"status":{"db":"ok"},"systems":3}`)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
		"a refusal": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"detail":"no"}`)
		},
	}
	for name, h := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Method+" "+r.URL.Path)
				h(w, r)
			}))
			t.Cleanup(s.Close)
			target := &conformance.Target{URL: mustURL(t, s.URL+"/base/")}
			got, ok, err := conformance.Discover(t.Context(), target, "wedia")
			if ok || err != nil || got != target || len(asked) != 1 || asked[0] != "GET /base/__admin/health" {
				t.Errorf("%v, %v, asked %v", ok, err, asked)
			}
		})
	}
	for name, at := range map[string]string{"refused": refused(t), "garbage": raw(t, says("garbage")), "silent": raw(t, silent)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := &conformance.Target{URL: mustURL(t, at), Budgets: conformance.Budgets{Timeout: short}}
			if _, ok, err := conformance.Discover(t.Context(), target, "wedia"); ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
}

func TestAWorldIsApartFromTheOthers(t *testing.T) {
	t.Parallel()
	mock := mockserver.Start(t, mockserver.System("wedia"))
	target, ok, err := conformance.Discover(t.Context(), &conformance.Target{URL: mustURL(t, mock.URL())}, "wedia")
	if err != nil || !ok {
		t.Fatal(err)
	}
	control, err := conformance.NewControl(mustClient(t, target), "wedia")
	if err != nil {
		t.Fatal(err)
	}
	w, err := control.NewWorld(t.Context(), "one")
	if err != nil || w.URL.String() != mock.URL()+"/w/one" {
		t.Fatalf("%+v, %v", w, err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := w.Control.Freeze(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	now, err := w.Control.Advance(t.Context(), 90*time.Second)
	if err != nil || !now.Equal(at.Add(90*time.Second)) {
		t.Errorf("%s, %v", now, err)
	}
	if _, frozen, err := control.Now(t.Context()); err != nil || frozen {
		t.Errorf("the default world stands still: %v", err)
	}
	c, err := specs.System("wedia")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Settings {
		if s.Type != "duration" {
			continue
		}
		if err := w.Control.Set(t.Context(), "", map[string]any{s.Name: 7 * time.Second}); err != nil {
			t.Error(err)
		}
		got, err := mock.Server.World("one").Settings("wedia")
		if err != nil || got[s.Name] != 7*time.Second {
			t.Errorf("%v, %v", got[s.Name], err)
		}
	}
	if err := w.Control.Set(t.Context(), "", map[string]any{"no-such": 1}); err == nil || !strings.Contains(err.Error(), "answers 400") {
		t.Error(err)
	}
	if err := control.DeleteWorld(t.Context(), "one"); err != nil {
		t.Error(err)
	}
	if err := control.DeleteWorld(t.Context(), "one"); err == nil || !strings.Contains(err.Error(), `no world "one"`) {
		t.Error(err)
	}
}

func TestTheControlAPIMayBeOnAPortOfItsOwn(t *testing.T) {
	t.Parallel()
	mock := mockserver.Start(t, mockserver.System("wedia"), mockserver.AdminApart())
	admin := httptest.NewServer(mock.Admin())
	t.Cleanup(admin.Close)
	target := &conformance.Target{URL: mustURL(t, mock.URL())}
	if _, ok, err := conformance.Discover(t.Context(), target, "wedia"); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	target.Control = admin.URL + "/__admin"
	found, ok, err := conformance.Discover(t.Context(), target, "wedia")
	if err != nil || !ok {
		t.Fatal(err)
	}
	control, err := conformance.NewControl(mustClient(t, found), "wedia")
	if err != nil {
		t.Fatal(err)
	}
	w, err := control.NewWorld(t.Context(), "")
	if err != nil || !strings.HasPrefix(w.URL.String(), mock.URL()+"/w/") {
		t.Fatalf("%+v, %v", w, err)
	}
	if err := w.Control.Freeze(t.Context(), time.Unix(0, 0)); err != nil {
		t.Error(err)
	}
	if now := mock.Server.World(w.Name).Clock().Now(); !now.Equal(time.Unix(0, 0)) {
		t.Error(now)
	}
}
