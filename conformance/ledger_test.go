package conformance_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

func key(t *testing.T, secrets ...string) []byte {
	t.Helper()
	k, err := conformance.LedgerKey(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openLedger(t *testing.T, path string) *conformance.Ledger {
	t.Helper()
	l, err := conformance.OpenLedger(path, key(t, "demo-jane", "demo-john"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// logout is a closer as a run makes them.
func logout(base, token string) conformance.Closer {
	return conformance.Closer{Case: "kiosk.logout", Requests: []conformance.CloseRequest{{
		Method: http.MethodPost, URL: base + "/logout?token=" + token, Header: http.Header{"X-Token": {token}}, Body: []byte("token=" + token),
	}}}
}

func opened(t *testing.T, l *conformance.Ledger, id string, c conformance.Closer) {
	t.Helper()
	if err := l.Opened(id, c); err != nil {
		t.Fatal(err)
	}
}

// sessions is a server whose sessions are ended by POST /logout.
type sessions struct {
	*httptest.Server

	mu    sync.Mutex
	ended []string
	fail  bool
}

func newSessions(t *testing.T) *sessions {
	t.Helper()
	s := &sessions{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		token := r.URL.Query().Get("token")
		switch {
		case s.fail:
			w.WriteHeader(http.StatusInternalServerError)
		case r.Header.Get("X-Token") != token || string(body) != "token="+token || r.Method != http.MethodPost:
			w.WriteHeader(http.StatusBadRequest)
		case slices.Contains(s.ended, token):
			w.WriteHeader(http.StatusUnauthorized)
		default:
			s.ended = append(s.ended, token)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestACrashLeavesALedgerThatIsWorkedOff(t *testing.T) {
	t.Parallel()
	s := newSessions(t)
	path := filepath.Join(t.TempDir(), "new", "run.ledger")
	l := openLedger(t, path)
	for _, id := range []string{"a", "b", "c"} {
		opened(t, l, id, logout(s.URL, "old-"+id))
		opened(t, l, id, logout(s.URL, "token-"+id)) // was refreshed
	}
	if err := l.Closed("b"); err != nil || l.Left() != 2 {
		t.Fatalf("%d, %v", l.Left(), err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"token-", "old-", "logout?", "demo-"} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("%s stands in clear in %s", secret, raw)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	crashed := filepath.Join(t.TempDir(), "crashed.ledger")
	if err := os.WriteFile(crashed, append(raw, []byte(`{"opened":"d","ti`)...), 0o600); err != nil {
		t.Fatal(err)
	}
	left, err := conformance.LeftIn(crashed)
	if err != nil || len(left) != 2 || left[0].ID != "a" || left[0].Case != "kiosk.logout" || "http://"+left[0].Host != s.URL || time.Since(left[0].Opened) > time.Minute {
		t.Errorf("%+v, %v", left, err)
	}
	client := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL)})
	var told []string
	n, err := conformance.Cleanup(t.Context(), crashed, key(t, "demo-john", "demo-jane"), client, func(c conformance.Cleaned) {
		told = append(told, fmt.Sprint(c.ID, " ", c.OK, " ", c.Said))
	})
	if err != nil || n != 0 || !slices.Equal(told, []string{"c true answered 200", "a true answered 200"}) || !slices.Equal(s.ended, []string{"token-c", "token-a"}) {
		t.Errorf("%d, %v, told %q, ended %q", n, err, told, s.ended)
	}
	if _, err := os.Stat(crashed); !os.IsNotExist(err) {
		t.Errorf("the ledger is still there: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("something is left, and the ledger is gone: %v", err)
	}
}

func TestWhatCannotBeClosedStays(t *testing.T) {
	t.Parallel()
	s := newSessions(t)
	path := filepath.Join(t.TempDir(), "run.ledger")
	l := openLedger(t, path)
	opened(t, l, "here", logout(s.URL, "token-1"))
	opened(t, l, "gone", logout(s.URL, "token-2"))
	opened(t, l, "elsewhere", logout("http://elsewhere.example", "token-3"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.ended, s.fail = []string{"token-2"}, true
	client := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL)})
	said := map[string]string{}
	clean := func() int {
		n, err := conformance.Cleanup(t.Context(), path, key(t, "demo-jane", "demo-john"), client, func(c conformance.Cleaned) { said[c.ID] = c.Said })
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if n := clean(); n != 3 || said["here"] != "answered 500" {
		t.Errorf("%d left, %v", n, said)
	}
	s.fail = false
	if n := clean(); n != 1 || said["gone"] != "answered 401" || !strings.Contains(said["elsewhere"], "nothing was sent") {
		t.Errorf("%d left, %v", n, said)
	}
	if left, err := conformance.LeftIn(path); err != nil || len(left) != 1 || left[0].ID != "elsewhere" {
		t.Errorf("%v, %v", left, err)
	}
}

func TestACleanUpMayBeInterrupted(t *testing.T) {
	t.Parallel()
	s := newSessions(t)
	path := filepath.Join(t.TempDir(), "run.ledger")
	l := openLedger(t, path)
	opened(t, l, "1", logout(s.URL, "token-1"))
	opened(t, l, "2", logout(s.URL, "token-2"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	client := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL)})
	ctx, cancel := context.WithCancel(t.Context())
	k := key(t, "demo-jane", "demo-john")
	if n, err := conformance.Cleanup(ctx, path, k, client, func(conformance.Cleaned) { cancel() }); n != 1 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := conformance.Cleanup(t.Context(), path, k, client, nil); n != 0 || err != nil || len(s.ended) != 2 {
		t.Errorf("%d, %v, %v", n, err, s.ended)
	}
}

func TestALedgerNeedsTheSecretsOfItsRun(t *testing.T) {
	t.Parallel()
	for _, none := range [][]string{nil, {""}} {
		if _, err := conformance.LedgerKey(none); err == nil || !strings.Contains(err.Error(), "give the target file") {
			t.Errorf("%q: %v", none, err)
		}
	}
	s := newSessions(t)
	path := filepath.Join(t.TempDir(), "run.ledger")
	l := openLedger(t, path)
	opened(t, l, "1", logout(s.URL, "token-1"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	client := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL)})
	n, err := conformance.Cleanup(t.Context(), path, key(t, "demo-jane"), client, nil)
	if n != 1 || err == nil || !strings.Contains(err.Error(), "other secrets") || len(s.ended) != 0 {
		t.Errorf("%d, %v", n, err)
	}
	// A line that was moved to another id does not open either.
	raw, _ := os.ReadFile(path)
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), `"opened":"1"`, `"opened":"2"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := conformance.Cleanup(t.Context(), path, key(t, "demo-jane", "demo-john"), client, nil); err == nil || len(s.ended) != 0 {
		t.Errorf("%v", err)
	}
}

func TestNothingLeftIsNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, conformance.LedgerName(time.Now(), 7))
	l := openLedger(t, path)
	if found, err := conformance.Ledgers(dir); err != nil || len(found) != 0 {
		t.Errorf("before anything was opened: %v, %v", found, err)
	}
	opened(t, l, "1", logout("http://x", "t"))
	if found, err := conformance.Ledgers(dir); err != nil || !slices.Equal(found, []string{path}) {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := conformance.OpenLedger(path, key(t, "x"), nil); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a ledger was taken from its run: %v", err)
	}
	if err := l.Closed("1"); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if found, err := conformance.Ledgers(dir); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	if found, err := conformance.Ledgers(filepath.Join(dir, "none")); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestALedgerInUseIsLeftAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no locks here")
	}
	s := newSessions(t)
	path := filepath.Join(t.TempDir(), "run.ledger")
	l := openLedger(t, path)
	opened(t, l, "1", logout(s.URL, "token-1"))
	client := mustClient(t, &conformance.Target{URL: mustURL(t, s.URL)})
	if _, err := conformance.Cleanup(t.Context(), path, key(t, "demo-jane", "demo-john"), client, nil); err == nil || !strings.Contains(err.Error(), "still writes it") {
		t.Error(err)
	}
	if len(s.ended) != 0 {
		t.Error("a session of a run that goes on was ended")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFileThatIsNoLedgerIsLeftAlone(t *testing.T) {
	t.Parallel()
	client := mustClient(t, &conformance.Target{URL: mustURL(t, "http://x")})
	for name, text := range map[string]string{"empty": "", "text": "hello\n", "future": `{"mockauthLedger":9}` + "\n", "long": strings.Repeat("x", 3<<20)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := conformance.Cleanup(t.Context(), path, key(t, "x"), client, nil); err == nil {
			t.Errorf("%s is no ledger", name)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
}

func TestNoLedgerIsALedgerThatForgets(t *testing.T) {
	t.Parallel()
	var l *conformance.Ledger
	if l.Opened("1", conformance.Closer{}) != nil || l.Closed("1") != nil || l.Left() != 0 || l.Close() != nil || l.Path() != "" {
		t.Error("a nil Ledger does something")
	}
}

func TestManyMayWriteALedger(t *testing.T) {
	t.Parallel()
	l := openLedger(t, filepath.Join(t.TempDir(), "run.ledger"))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			id := fmt.Sprint(i)
			if err := l.Opened(id, logout("http://x", id)); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				if err := l.Closed(id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left, err := conformance.LeftIn(l.Path()); err != nil || len(left) != 4 {
		t.Errorf("%v, %v", left, err)
	}
}
