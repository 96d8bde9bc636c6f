package mockserver_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mockauth/mockauth/mockserver"
)

// The tokens are signed by our own code, since no library keeps the documented
// order of members. A library that we did not write must take them.
func TestTokensVerifyWithAJWTLibrary(t *testing.T) {
	signIn := func(m *mockserver.Mock, path, contentType, body string) map[string]any {
		t.Helper()
		res, err := m.Client().Post(m.URL()+path, contentType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var out map[string]any
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			t.Fatalf("status %d: %v", res.StatusCode, err)
		}
		return out
	}
	form := "application/x-www-form-urlencoded"
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		t.Run("wedia "+alg, func(t *testing.T) {
			m := mockserver.StartWithoutPort(t, mockserver.System("wedia"), mockserver.Setting("wedia", "jwtAlgorithm", alg), mockserver.Setting("wedia", "tokenHash", "a key of this test"))
			out := signIn(m, "/api/rest/signin", form, url.Values{"login": {"jane.doe"}, "password": {"demo-jane"}}.Encode())
			for _, member := range []string{"accessToken", "refreshToken"} {
				text, _ := out[member].(string)
				tok, err := jwt.Parse(text, func(*jwt.Token) (any, error) { return []byte("a key of this test"), nil },
					jwt.WithValidMethods([]string{alg}), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithSubject("jane.doe"))
				if err != nil {
					t.Fatalf("%s: %v", member, err)
				}
				if tok.Claims.(jwt.MapClaims)["name"] != "Jane Doë" {
					t.Errorf("%s: name is %v", member, tok.Claims.(jwt.MapClaims)["name"])
				}
				if _, err := jwt.Parse(text, func(*jwt.Token) (any, error) { return []byte("another key"), nil }); err == nil {
					t.Errorf("%s verifies with any key", member)
				}
				late := jwt.WithTimeFunc(func() time.Time { return time.Now().Add(25 * time.Hour) })
				if _, err := jwt.Parse(text, func(*jwt.Token) (any, error) { return []byte("a key of this test"), nil }, late); err == nil {
					t.Errorf("%s has no end", member)
				}
			}
		})
	}
	t.Run("jmap-cloud RS256", func(t *testing.T) {
		m := mockserver.StartWithoutPort(t, mockserver.System("jmap-cloud"))
		settings, err := m.Default().Settings("jmap-cloud")
		if err != nil {
			t.Fatal(err)
		}
		pem, _ := settings["signingKey"].(string)
		key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(pem))
		if err != nil {
			t.Fatal(err)
		}
		out := signIn(m, "/api/ss/rest/v1/authenticate", "application/json", `{"username":"jdo@company.com","password":"xxx"}`)
		text, _ := out["result"].(map[string]any)["accessToken"].(string)
		if _, err := jwt.Parse(text, func(*jwt.Token) (any, error) { return &key.PublicKey, nil }, jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("crmcom dates are strings", func(t *testing.T) {
		m := mockserver.StartWithoutPort(t, mockserver.System("crmcom"))
		out := signIn(m, "/crmapi/rest/v2/authentication/token", "application/json", `{"username":"MPAdministrator","password":"1234","organisation":"ps_r13qa"}`)
		text, _ := out["data"].(map[string]any)["token"].(string)
		tok, _, err := jwt.NewParser().ParseUnverified(text, jwt.MapClaims{})
		if err != nil {
			t.Fatal(err)
		}
		claims := tok.Claims.(jwt.MapClaims)
		if _, ok := claims["exp"].(string); !ok {
			t.Errorf("exp is a %T; the real tokens have a string", claims["exp"])
		}
		// What a client that trusts a library sees: the documented tokens are not
		// read by it.
		if _, err := claims.GetExpirationTime(); err == nil {
			t.Error("a strict library reads exp; then it is no string")
		}
		if !strings.HasPrefix(text, "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.") {
			t.Error("the header does not begin with typ, as the documented one does")
		}
	})
}
