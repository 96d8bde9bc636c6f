package mockserver_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/mockserver"
)

// ask sends one request to a system and returns what it answers.
func ask(t *testing.T, system, method, path string, prepare func(*http.Request)) *reply {
	t.Helper()
	m := mockserver.StartWithoutPort(t, mockserver.System(system))
	req, err := http.NewRequest(method, m.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(req)
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

// An operation that is switched off is answered as a path that is not there;
// why must say what would switch it on.
func TestWhyNamesTheConditionOfAnOperationThatIsNotOffered(t *testing.T) {
	t.Parallel()
	off := ask(t, "crmcom", http.MethodPost, "/crmapi/rest/v2/authentication/token/release", nil)
	for _, want := range []string{"releaseToken", "settings.tokenRelease", "/settings/crmcom"} {
		if !strings.Contains(off.why, want) {
			t.Errorf("why does not say %q: %s", want, off.why)
		}
	}
	none := ask(t, "crmcom", http.MethodPost, "/crmapi/rest/v2/authentication/tokens", nil)
	if !strings.HasPrefix(none.why, "No operation has this path.") {
		t.Errorf("of a path that no operation has: %s", none.why)
	}
}

// A logout that now and then brings an application back also issues tokens; it
// is not the way to get one.
func TestWhySendsToTheOperationsThatAlwaysIssueTheToken(t *testing.T) {
	t.Parallel()
	r := ask(t, "wedia", http.MethodGet, "/api/rest/token?token=abc", nil)
	if !strings.Contains(r.why, "/api/rest/signin") || strings.Contains(r.why, "signout") {
		t.Errorf("why: %s", r.why)
	}
}

// Where a form and a link both refresh, a client posts the form.
func TestWhyNamesALinkAfterWhatIsPosted(t *testing.T) {
	t.Parallel()
	r := ask(t, "wedia", http.MethodGet, "/api/rest/whoami", nil)
	if !strings.Contains(r.why, "POST /api/rest/token") || strings.Contains(r.why, "GET ") {
		t.Errorf("why: %s", r.why)
	}
}

// The replay does not compare the order of members; the documented user has one.
func TestCurrentUserHasTheDocumentedOrderOfMembers(t *testing.T) {
	t.Parallel()
	r := ask(t, "saymon", http.MethodGet, "/node/api/users/current", func(req *http.Request) { req.SetBasicAuth("admin", "demo-admin") })
	dec := json.NewDecoder(strings.NewReader(string(r.body)))
	var got []string
	for depth := 0; ; {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		switch tok := tok.(type) {
		case json.Delim:
			if tok == '{' || tok == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 1 {
				got = append(got, tok)
				var skip json.RawMessage
				if err := dec.Decode(&skip); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	want := "id login group authenticationToken status eventFilter permissions contacts"
	if strings.Join(got, " ") != want {
		t.Errorf("members are\n%s, want\n%s", strings.Join(got, " "), want)
	}
}
