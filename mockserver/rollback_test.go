package mockserver_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/mockserver"
)

// All effects of a request happen, or none: a token that cannot be signed must
// not cost the one that was to be exchanged for it.
func TestAnAnswerThatCannotBeMadeChangesNothing(t *testing.T) {
	m := mockserver.StartWithoutPort(t, mockserver.System("jmap-cloud"))
	post := func(path, body string) (int, map[string]any) {
		t.Helper()
		res, err := m.Client().Post(m.URL()+"/api/ss/rest/v1"+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		data, _ := io.ReadAll(res.Body)
		var out struct{ Result map[string]any }
		_ = json.Unmarshal(data, &out)
		return res.StatusCode, out.Result
	}
	login := `{"username":"jdo@company.com","password":"xxx"}`
	_, pair := post("/authenticate", login)
	refresh, _ := pair["refreshToken"].(string)
	settings, err := m.Default().Settings("jmap-cloud")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Default().Set("jmap-cloud", map[string]any{"signingKey": "no key at all"}); err != nil {
		t.Fatal(err)
	}
	sessions, tokens, _ := m.Default().Counts("jmap-cloud")
	for path, body := range map[string]string{"/authenticate": login, "/refresh-token": `{"refreshToken":"` + refresh + `"}`} {
		if status, _ := post(path, body); status != http.StatusInternalServerError {
			t.Fatalf("%s with a key that is none: %d", path, status)
		}
	}
	if s, k, _ := m.Default().Counts("jmap-cloud"); s != sessions || k != tokens {
		t.Errorf("%d sessions and %d tokens live, want %d and %d as before", s, k, sessions, tokens)
	}
	if err := m.Default().Set("jmap-cloud", map[string]any{"signingKey": settings["signingKey"]}); err != nil {
		t.Fatal(err)
	}
	if status, _ := post("/refresh-token", `{"refreshToken":"`+refresh+`"}`); status != http.StatusOK {
		t.Errorf("the refresh token was used up by an answer that was never given: %d", status)
	}
}
