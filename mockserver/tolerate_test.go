package mockserver_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/mockserver"
)

// A proof may tolerate a token of another kind: it is answered as a token that was
// never one, and what it stands for is left alone.
func TestATokenOfAnotherKindIsTolerated(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: newServer(t, mockserver.System("jmap-cloud"), mockserver.Seed(1)).Transport()}
	post := func(path string, body map[string]string) (int, map[string]any) {
		t.Helper()
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Post("http://mock.test/api/ss/rest/v1"+path, "application/json", strings.NewReader(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var out struct {
			Result map[string]any `json:"result"`
		}
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, out.Result
	}
	_, pair := post("/authenticate", map[string]string{"username": "jdo@company.com", "password": "xxx"})
	access, _ := pair["accessToken"].(string)
	refresh, _ := pair["refreshToken"].(string)
	if status, _ := post("/revoke-token", map[string]string{"refreshToken": access}); status != http.StatusOK {
		t.Errorf("an access token to revoke is answered %d", status)
	}
	if status, _ := post("/refresh-token", map[string]string{"refreshToken": refresh}); status != http.StatusOK {
		t.Errorf("the refresh token is dead after that: %d", status)
	}
}
