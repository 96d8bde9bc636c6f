package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// hostile is text that a server under test may send, and that must mean itself
// in every format.
const hostile = "<script>alert(1)</script> ]]> --> \" ' & %0A ::error:: | `x` \x00\x1b[31m\r\n\u202e\ufffe Zürich \u6771\u4eac \xff\xfe"

func expiresOn(day int) *time.Time {
	t := time.Date(2026, 12, day, 0, 0, 0, 0, time.UTC)
	return &t
}

func ruleAt(line int) conformance.Rule {
	return conformance.Rule{
		Pointer: "/paths/~1api~1session/delete/x-session/ends", File: "specs/shop/openapi.yaml", Line: line,
		Evidence: "documented S1",
		Sources:  []string{"Shop guide, \"Log out\" (version 4), https://docs.shop.example/guide/logout?v=4#after."},
	}
}

func login() conformance.Exchange {
	return conformance.Exchange{
		Purpose: "log in as jane.doe", Operation: "login", Wanted: "granted", Seconds: 0.0381,
		Request: conformance.Message{
			Method: "POST", URL: "https://staging.shop.example/api/session",
			Headers: []conformance.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "Accept", Value: "application/json"}},
			Body:    `{"login":"jane.doe","password":"$PASSWORD"}`,
		},
		Response: &conformance.Message{
			Status: 201, Headers: []conformance.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "Set-Cookie", Value: "sid=$SID; Path=/; HttpOnly"}},
			Body: `{"accessToken":"$ACCESS","expiresIn":1200,"user":{"id":7,"name":"Jane Doe"}}`,
		},
		Curl: `curl -X POST -H 'Content-Type: application/json' --data-binary '{"login":"jane.doe","password":"'"$PASSWORD"'"}' https://staging.shop.example/api/session`,
	}
}

func read(status int, body string) conformance.Exchange {
	return conformance.Exchange{
		Purpose: "read the own record with the access token", Operation: "getSelf", Wanted: "token.revoked.access", Seconds: 0.0123,
		Request: conformance.Message{
			Method: "GET", URL: "https://staging.shop.example/api/me",
			Headers: []conformance.Field{{Name: "Authorization", Value: "Bearer $ACCESS"}, {Name: "Accept", Value: "application/json"}},
		},
		Response: &conformance.Message{
			Status: status, Headers: []conformance.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "Date", Value: "Sat, 21 Nov 2026 10:00:00 GMT"}},
			Body: body,
		},
		Curl: `curl -H "Authorization: Bearer $ACCESS" -H 'Accept: application/json' https://staging.shop.example/api/me`,
	}
}

func operationsOfShop() []conformance.OperationInfo {
	return []conformance.OperationInfo{
		{ID: "login", Method: "POST", Path: "/api/session", Summary: "Log in"},
		{ID: "getSelf", Method: "GET", Path: "/api/me", Summary: "Read the own record"},
		{ID: "refresh", Method: "PUT", Path: "/api/session", Summary: "Trade a refresh token"},
		{ID: "logout", Method: "DELETE", Path: "/api/session", Summary: "Log out"},
		{ID: "changePassword", Method: "POST", Path: "/api/me/password"},
	}
}

func info(operation, outcome, title string, s conformance.Severity, line int) conformance.Info {
	i := conformance.Info{
		ID: "shop." + operation + "." + outcome, Title: title, Operation: operation, Outcome: outcome,
		Kind: "failure", Severity: s, Labels: []string{"op: " + operation}, Rule: ruleAt(line),
		Cause: []string{"log in as jane.doe", "log out", "read the own record with the access token of before"},
	}
	for _, o := range operationsOfShop() {
		if o.ID == operation {
			i.Method, i.Path = o.Method, o.Path
		}
	}
	if !strings.Contains(outcome, ".") {
		i.Kind = "answer"
	}
	return i
}

// head is a result without verdicts.
func head() *conformance.Result {
	return &conformance.Result{
		Format: 1, Version: "0.1.0", System: "shop", Title: "Shop session API", ContractVersion: "4.2",
		Profile: "v4", Settings: map[string]string{"sessionAuth": "false", "accessLifetime": "20m"},
		Target: "https://staging.shop.example", Started: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), Seconds: 1.43,
		Seed: 41, Operations: operationsOfShop(), Again: "--config staging.yaml",
		Doctor: []conformance.Check{
			{Name: "reachable", OK: true, Said: "38 ms"}, {Name: "TLS", OK: true, Said: "1.3, trusted"},
			{Name: "clock", OK: true, Said: "+1.2 s"}, {Name: "log in", OK: true, Said: "as jane.doe"},
		},
		Used: conformance.Used{Requests: 64, WrongPasswords: 3, Sessions: 12, Closed: 12},
	}
}

// sample is a result with every status and every hostile text.
func sample() *conformance.Result {
	r := head()
	body := conformance.Rule{Pointer: "/components/schemas/Problem", File: "specs/shop/openapi.yaml", Line: 412, Evidence: "observed S2", Sources: []string{"Recorded against version 4.1"}}
	add := func(i conformance.Info, s conformance.Status, change func(v *conformance.Verdict)) {
		v := conformance.Verdict{Info: i, Status: s, Seconds: 0.021}
		if change != nil {
			change(&v)
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	add(info("login", "granted", "A right password opens a session.", conformance.Must, 101), conformance.Passed, func(v *conformance.Verdict) {
		v.Exchanges = []conformance.Exchange{login()}
	})
	add(info("login", "credentials.wrong.user", "A wrong password is refused.", conformance.Must, 120), conformance.Passed, nil)
	add(info("login", "credentials.locked", "After five wrong passwords the account is locked.", conformance.Should, 126), conformance.Excluded, func(v *conformance.Verdict) {
		v.Why = "It sends 5 wrong passwords; the budget has 3."
	})
	add(info("getSelf", "self", "The own record is given.", conformance.Must, 210), conformance.Passed, func(v *conformance.Verdict) {
		v.Exchanges = []conformance.Exchange{login(), read(200, `{"id":7}`)}
	})
	add(info("getSelf", "token.revoked.access", "After logout the access token is refused.", conformance.Must, 233), conformance.Failed, func(v *conformance.Verdict) {
		v.Mismatches = []conformance.Mismatch{
			{In: "status", Wanted: "401", Got: "200", Severity: conformance.Must, Rule: ruleAt(233)},
			{In: "header WWW-Authenticate", Wanted: `Bearer error="invalid_token"`, Severity: conformance.Should, Rule: ruleAt(234)},
			{In: "body", Pointer: "/code", Wanted: `"user.token.invalid"`, Severity: conformance.Must, Rule: body},
			{In: "body", Pointer: "/user", Wanted: "no such member", Got: `{"id":7,"name":"Jane Doe"}`, Severity: conformance.May, Rule: body},
		}
		v.Exchanges = []conformance.Exchange{login(), read(200, `{"id":7,"name":"Jane Doe"}`)}
	})
	add(info("refresh", "token.reused.refresh", "A refresh token that was used is refused.", conformance.Should, 301), conformance.Failed, func(v *conformance.Verdict) {
		v.Mismatches = []conformance.Mismatch{{In: "status", Wanted: "a refusal", Got: "200", Severity: conformance.Should, Rule: ruleAt(301)}}
		v.Rule.Evidence = "observed S2"
		v.Rule.Sources = []string{"Recorded against version 4.1"}
		v.Exchanges = []conformance.Exchange{login(), {
			Purpose: "trade the refresh token again", Operation: "refresh", Wanted: "token.reused.refresh",
			Request: conformance.Message{Method: "PUT", URL: "https://staging.shop.example/api/session", Body: "token=$REFRESH"},
			Error:   "The target closed the connection before it answered.", Curl: "curl -X PUT -d token=$REFRESH \\\n  https://staging.shop.example/api/session", Seconds: 10.01,
		}}
	})
	add(conformance.Info{
		ID: "shop.hostile." + hostile, Title: "Texts of others mean themselves: " + hostile, Operation: "login", Method: "POST", Path: "/api/" + hostile,
		Outcome: "hostile." + hostile, Kind: "law", Severity: conformance.Must, Labels: []string{hostile},
		Rule:  conformance.Rule{Pointer: "/" + hostile, File: "specs/a,b:c%/" + "ü" + ".yaml", Line: 7, Evidence: hostile, Sources: []string{"javascript:alert(1) " + hostile, "https://docs.example/?q=%22%3E<b>x"}},
		Cause: []string{hostile},
	}, conformance.Failed, func(v *conformance.Verdict) {
		v.Why = hostile
		v.Mismatches = []conformance.Mismatch{
			{In: "body", Pointer: "/" + hostile, Wanted: hostile, Got: strings.Repeat("very long ", 500), Severity: conformance.Must, Rule: conformance.Rule{Pointer: "/x", Evidence: hostile}},
		}
		v.Exchanges = []conformance.Exchange{{
			Purpose: hostile, Operation: hostile, Wanted: hostile, Error: hostile, Curl: "curl " + hostile, Seconds: 0.5,
			Request:  conformance.Message{Method: "POST", URL: "https://h/" + hostile, Headers: []conformance.Field{{Name: hostile, Value: hostile}}, Body: hostile},
			Response: &conformance.Message{Status: 599, Headers: []conformance.Field{{Name: "X", Value: hostile}}, Body: strings.Repeat("<b>long</b>\n", 1000), Cut: true},
		}}
	})
	add(info("refresh", "token.expired.refresh", "A refresh token that has expired is refused.", conformance.Must, 305), conformance.NotTestable, func(v *conformance.Verdict) {
		v.Why = "Needs a clock: the token lives 24 h, and the target says that it can wait for 0 s."
	})
	add(info("logout", "done", "Logging out ends the session.", conformance.Must, 350), conformance.Passed, nil)
	add(info("logout", "token.missing", "Without a token logging out is refused.", conformance.Must, 355), conformance.Known, func(v *conformance.Verdict) {
		v.Mismatches = []conformance.Mismatch{{In: "status", Wanted: "401", Got: "204", Severity: conformance.Must, Rule: ruleAt(355)}}
		v.Known = &conformance.KnownCase{ID: v.ID, Reason: "Logging out twice is harmless.", Ticket: "SHOP-41", Expires: expiresOn(1)}
		v.Exchanges = []conformance.Exchange{read(204, "")}
	})
	add(info("logout", "token.forged", "A forged token is refused.", conformance.Must, 357), conformance.Fixed, func(v *conformance.Verdict) {
		v.Known = &conformance.KnownCase{ID: v.ID, Reason: "Was accepted once.", Ticket: "SHOP-12"}
	})
	add(info("changePassword", "changed", "A new password is taken.", conformance.Must, 380), conformance.Differs, func(v *conformance.Verdict) {
		v.Mismatches = []conformance.Mismatch{{In: "header Cache-Control", Wanted: "no-store", Got: "private", Severity: conformance.Should, Rule: ruleAt(381)}}
		v.Exchanges = []conformance.Exchange{login(), read(200, "{}")}
	})
	add(info("changePassword", "request.field.missing", "Without a new password nothing changes.", conformance.May, 383), conformance.Interrupted, nil)
	r.Stale = []string{"shop.login.gone matches no case. Did you mean shop.login.granted?", "The entry shop.logout.done expired on 2026-11-01."}
	r.Interrupted = true
	r.Filter = "operations login, refresh and logout"
	return r
}

// three is what a page is looked at with: three failures among a hundred cases.
func three() *conformance.Result {
	r := good(100)
	src := sample()
	r.Verdicts[7], r.Verdicts[31] = src.Verdicts[4], src.Verdicts[5]
	v := src.Verdicts[9]
	v.Status, v.Known = conformance.Failed, nil
	r.Verdicts[62] = v
	r.Verdicts[70] = src.Verdicts[2]
	r.Verdicts[80] = src.Verdicts[11]
	r.Verdicts[81] = src.Verdicts[9]
	return r
}

// good is a result in which all passed.
func good(n int) *conformance.Result {
	r := head()
	outcomes := []string{"granted", "self", "done", "credentials.wrong.user", "credentials.missing", "token.missing", "token.expired.access", "token.expired.refresh", "token.revoked.access", "token.forged", "token.wrongKind", "request.field.missing", "request.field.type", "request.notReadable"}
	for i := range n {
		o := r.Operations[i%len(r.Operations)]
		outcome := outcomes[i/len(r.Operations)%len(outcomes)]
		v := conformance.Verdict{Info: info(o.ID, outcome, fmt.Sprintf("What is demanded of %s holds for %s.", o.ID, outcome), conformance.Must, 100+i), Status: conformance.Passed, Seconds: 0.004}
		if round := i / (len(r.Operations) * len(outcomes)); round > 0 {
			v.ID += fmt.Sprintf(".%d", round)
		}
		v.Exchanges = []conformance.Exchange{login(), read(401, `{"code":"user.token.invalid","message":"The token is not valid."}`)}
		r.Verdicts = append(r.Verdicts, v)
	}
	return r
}

// bad is a result with so many failures among n cases, many of them the same.
func bad(failures, n int) *conformance.Result {
	r := good(n)
	for i := range failures {
		v := &r.Verdicts[i*n/failures]
		v.Status = conformance.Failed
		v.Exchanges[1] = read(500, `{"error":"Internal Server Error","trace":"at com.shop.SessionFilter.doFilter(SessionFilter.java:41)"}`)
		switch {
		case i%3 == 0:
			v.Mismatches = []conformance.Mismatch{{In: "status", Wanted: "401", Got: "500", Severity: conformance.Must, Rule: v.Rule}}
		case i%7 == 0:
			v.Status, v.Why = conformance.NotTestable, "Logging in as jane.doe was answered 500."
		default:
			v.Mismatches = []conformance.Mismatch{
				{In: "status", Wanted: "401", Got: "500", Severity: conformance.Must, Rule: v.Rule},
				{In: "body", Pointer: "/code", Wanted: `"user.token.invalid"`, Got: fmt.Sprintf(`"error %d"`, i/2), Severity: conformance.Should, Rule: v.Rule},
			}
		}
	}
	return r
}
