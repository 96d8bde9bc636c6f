package mockserver_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/mockserver"
)

// depot sends a request to the mock of testdata/depot.
func depot(t *testing.T, m *mockserver.Mock, method, path, token string, body any) *reply {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, m.URL()+"/api"+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := m.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	r, err := readReply(res)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func depotLogin(t *testing.T, m *mockserver.Mock, tenant, login, password string) *reply {
	t.Helper()
	return depot(t, m, http.MethodPost, "/login", "", map[string]any{"tenant": tenant, "login": login, "password": password})
}

// A record is the one that has all the fields that are bound, not the first
// that has the first of them.
func TestRecordIsFoundByAllItsFields(t *testing.T) {
	t.Parallel()
	m := mockserver.StartWithoutPort(t, mockserver.File("testdata/depot"))
	for _, c := range []struct{ tenant, login, password, outcome, why string }{
		{"north", "ann", "demo-ann", "tokens", ""},
		{"north", "bob", "demo-bob", "tokens", ""},
		{"south", "ann", "demo-south", "tokens", ""},
		{"south", "ann", "demo-ann", "credentials.wrong.user", "The password in"},
		{"south", "bob", "demo-bob", "credentials.unknown.user", "No user with this tenant has the login that was sent"},
		{"west", "ann", "demo-ann", "credentials.unknown.user", "No user has the tenant that was sent"},
	} {
		r := depotLogin(t, m, c.tenant, c.login, c.password)
		if r.outcome != c.outcome || !strings.HasPrefix(r.why, c.why) {
			t.Errorf("%s of %s: %s (%s), want %s (%s…)", c.login, c.tenant, r.outcome, r.why, c.outcome, c.why)
		}
	}
}

// What locks a record changes it; those that share a field with it are still
// found, and are not locked.
func TestLockOfOneRecordLeavesThoseOfItsTenant(t *testing.T) {
	t.Parallel()
	m := mockserver.StartWithoutPort(t, mockserver.File("testdata/depot"))
	for range 3 {
		depotLogin(t, m, "north", "ann", "wrong")
	}
	for _, c := range [][]string{
		{"north", "ann", "demo-ann", "credentials.locked.user"},
		{"north", "bob", "demo-bob", "tokens"},
		{"south", "ann", "demo-south", "tokens"},
	} {
		if r := depotLogin(t, m, c[0], c[1], c[2]); r.outcome != c[3] {
			t.Errorf("%s of %s: %s, want %s", c[1], c[0], r.outcome, c[3])
		}
	}
}

// A member that is missing is named with what belongs there, and with the
// member of another name that was sent instead.
func TestWhySaysWhatBelongsWhereAMemberIsMissing(t *testing.T) {
	t.Parallel()
	m := mockserver.StartWithoutPort(t, mockserver.File("testdata/depot"))
	r := depot(t, m, http.MethodPost, "/refresh", "", map[string]any{"refreshToken": "x"})
	for _, want := range []string{"/refresh", `a token "refresh" belongs there`, "issued by POST /api/login"} {
		if !strings.Contains(r.why, want) {
			t.Errorf("of a token, why does not say %q: %s", want, r.why)
		}
	}
	r = depot(t, m, http.MethodPost, "/login", "", map[string]any{"Tenant": "north", "login": "ann", "password": "demo-ann"})
	if !strings.Contains(r.why, `/tenant: is required; "Tenant" was sent`) {
		t.Errorf("why: %s", r.why)
	}
}

// The command lists the accounts of shipped systems; those of another contract
// are where the control API is.
func TestBannerSaysWhereTheAccountsOfAnOwnContractAre(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	mockserver.StartWithoutPort(t, mockserver.File("testdata/depot")).Banner(&b, "http://mock.test/__admin", "")
	if !strings.Contains(b.String(), "(all accounts: http://mock.test/__admin/systems)") {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	mockserver.StartWithoutPort(t, mockserver.System("wedia")).Banner(&b, "http://mock.test/__admin", "")
	if !strings.Contains(b.String(), "(all accounts: mockauth accounts)") {
		t.Errorf("%s", b.String())
	}
}
