package broken

import (
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance/driver"
)

// dialect is what one API has of its own.
type dialect struct {
	name string
	// cookies: the session is in cookies, and not in tokens that are kept here.
	cookies bool
	// reusable: a refresh token is not used up.
	reusable bool
	media    string // of a request's body
	accept   string
	// wrap is the path at which XML and JSON bodies have their fields.
	wrap []string

	login, call, renew, logout op

	// access, refresh and ends are where an answer has them; places are the same by
	// number, for a client that goes by place.
	access, refresh, ends   []string
	accessPlace, afterPlace []int
	cookie                  string // the one that has to come with a login
	// members are those of a login answer.
	members string

	// refusal reads an answer: whether it is a refusal, its code, text and status.
	refusal func(root *node, status int) (bool, string, string, int)
	// keys are the documented codes for what goes wrong; nil: the server's.
	keys *keys
}

type keys struct {
	wrong                        int // status of a login with wrong credentials
	credential, login, loginHere string
	token, logout, logoutHere    string
}

// op is an operation; fields are those of its body.
type op struct {
	method, path string
	fields       func(s *session, a driver.Account) []field
}

type field struct{ name, value string }

func dialects(cookies, json bool) map[string]*dialect {
	const jsonType, xmlType, form = "application/json", "application/xml", "application/x-www-form-urlencoded"
	jmap := func(wrong int) *keys {
		return &keys{ //nolint:gosec // names of errors
			wrong: wrong, credential: "user.login.error.credential", login: "user.login.error.server", loginHere: "user.login.error.unexpected",
			token: "user.token.invalid", logout: "user.logout.error.server", logoutHere: "user.logout.error.unexpected",
		}
	}
	cloud := &dialect{
		name: "jmap-cloud", media: jsonType, accept: jsonType, keys: jmap(401),
		login:  op{"POST", "/authenticate", account("username=email", "password=password")},
		call:   op{"GET", "/users/self", nil},
		renew:  op{"POST", "/refresh-token", func(s *session, _ driver.Account) []field { return []field{{"refreshToken", s.refresh}} }},
		logout: op{"POST", "/revoke-token", func(s *session, _ driver.Account) []field { return []field{{"refreshToken", s.refresh}} }},
		access: []string{"result", "accessToken"}, refresh: []string{"result", "refreshToken"}, ends: []string{"result", "accessTokenExpireAt"},
		accessPlace: []int{1, 0}, afterPlace: []int{1, 1},
		members: "message result accessToken refreshToken accessTokenExpireAt accessTokenExpiration",
		refusal: func(root *node, status int) (bool, string, string, int) {
			return status >= 400, "", root.at("message").scalar(), status
		},
	}
	const services = "/services/rest/v2.0"
	server := &dialect{
		name: "jmap-server", media: jsonType, accept: jsonType, keys: jmap(403),
		login:  op{"POST", services + "/session", account("username=username", "password=password", "type:NG")},
		call:   op{"GET", services + "/projects", nil},
		logout: op{"DELETE", services + "/session", nil},
		access: []string{"result", "sessionId"}, accessPlace: []int{2, 0},
		members: "message status result sessionId serverVersion userFullName userEmailAddress sessionExceed",
		refusal: func(root *node, status int) (bool, string, string, int) {
			phrase := root.at("status").scalar()
			if phrase == "Unauthorized" {
				status = 401
			}
			return status >= 400 || phrase != "OK", phrase, root.at("message").scalar(), status
		},
	}
	wedia := &dialect{
		name: "wedia", media: form, accept: jsonType, reusable: true,
		login:  op{"POST", "/api/rest/signin", signin()},
		call:   op{"GET", "/api/rest/whoami", nil},
		renew:  op{"POST", "/api/rest/token", func(s *session, _ driver.Account) []field { return []field{{"token", s.refresh}} }},
		logout: op{"POST", "/api/rest/signout", func(s *session, _ driver.Account) []field { return []field{{"token", s.refresh}} }},
		access: []string{"accessToken"}, refresh: []string{"refreshToken"},
		accessPlace: []int{2}, afterPlace: []int{1},
		members: "tokenType refreshToken accessToken signature iat exp links href refreshTokenHref signoutHref state loginHints idToken version status time",
		refusal: func(root *node, status int) (bool, string, string, int) {
			code := root.at("error")
			refused := status >= 400 || code != nil && code.kind != null
			if refused && status < 400 && len(code.scalar()) > 3 {
				if s, err := strconv.Atoi(code.scalar()[:3]); err == nil {
					status = s
				}
			}
			return refused, code.scalar(), root.at("message").scalar(), status
		},
	}
	if cookies {
		wedia.cookies, wedia.cookie, wedia.ends = true, "x-wedia-api-token-tk", []string{"exp"}
		wedia.access, wedia.refresh = nil, nil
		wedia.login.fields = signin("cookieauth:true")
		wedia.renew.fields = func(*session, driver.Account) []field { return []field{{"cookieauth", "true"}} }
		wedia.logout.fields = nil
	}
	jump := &dialect{
		name: "longjump", cookies: true, cookie: "JSESSIONID", media: xmlType, accept: xmlType, wrap: []string{"platform", "login"},
		login:  op{"POST", "/login", account("userName=username", "password=password")},
		call:   op{"GET", "/user/info", nil},
		logout: op{"GET", "/logout", nil},
		members: "platform login userId email userName firstName lastName organizationName organizationId timeZone primaryTeamId employeeNumber sessionId " +
			"startingAppId content type uri displayValue userLocale userDateFormat cookieString isForceChangePassword message code description",
		refusal: func(root *node, status int) (bool, string, string, int) {
			m := root.at("platform", "message")
			code := m.at("code").scalar()
			if code == "-101" {
				status = 401
			}
			return status >= 400 || code != "0", code, m.at("description").scalar(), status
		},
	}
	if json {
		jump.media, jump.accept = jsonType, jsonType
	}
	return map[string]*dialect{cloud.name: cloud, server.name: server, wedia.name: wedia, jump.name: jump}
}

// signin are the fields of a user or of an application, whose secret stands in
// place of the password.
func signin(more ...string) func(*session, driver.Account) []field {
	user := account(append([]string{"login=login", "password=password"}, more...)...)
	application := account(append([]string{"application=name", "login=key", "password=secret"}, more...)...)
	return func(s *session, a driver.Account) []field {
		if _, ok := a["secret"]; ok {
			return application(s, a)
		}
		return user(s, a)
	}
}

// account are fields of a login: "field=member of the account" or "field:value".
func account(rules ...string) func(*session, driver.Account) []field {
	return func(_ *session, a driver.Account) []field {
		var fields []field
		for _, rule := range rules {
			if name, value, ok := strings.Cut(rule, ":"); ok {
				fields = append(fields, field{name, value})
				continue
			}
			name, member, _ := strings.Cut(rule, "=")
			value, _ := a[member].(string)
			fields = append(fields, field{name, value})
		}
		return fields
	}
}

// instant reads the end of a token, a date or seconds since 1970; zero: neither.
func instant(text string) time.Time {
	if s, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(s, 0)
	}
	t, _ := time.Parse("2006-01-02T15:04:05.000-07:00", text)
	return t
}
