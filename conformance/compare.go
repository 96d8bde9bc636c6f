package conformance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// comparison collects what an answer has different from what is demanded.
type comparison struct {
	plan     *Plan
	p        *predicted
	op       *wire.Operation
	a        *answer
	wanted   *session.Rendered
	evidence specs.Evidence
	pointer  string // of the answer in the contract
	links    []link // of the case
	cap      []link // those, and the causes of a refusal
	base     string
	// slack is how far two times may lie apart.
	slack time.Duration
	now   time.Time
	out   []Mismatch
}

// add notes a mismatch. m is what the demand rests on by itself.
func (c *comparison) add(in, pointer, wanted, got string, m specs.Mark, rulePointer string) {
	c.capped(in, pointer, wanted, got, m, rulePointer, c.cap)
}

// capped notes a mismatch that weighs no more than the weakest of some links.
func (c *comparison) capped(in, pointer, wanted, got string, m specs.Mark, rulePointer string, links []link) {
	for _, l := range links {
		if l.mark.Level < m.Level {
			m = l.mark
			if !l.law {
				rulePointer = l.pointer
			}
		}
	}
	c.out = append(c.out, Mismatch{In: in, Pointer: pointer, Wanted: wanted, Got: got, Severity: SeverityOf(m.Level), Rule: c.plan.rule(rulePointer, m)})
}

// part returns the evidence of the first of these parts that is named, or of the
// last.
func (c *comparison) part(names ...string) specs.Mark {
	for _, n := range names[:len(names)-1] {
		if m, ok := c.evidence.Parts[n]; ok {
			return m
		}
	}
	return c.evidence.Part(names[len(names)-1])
}

// nature notes that a request was refused that must be accepted, or accepted that
// must be refused.
func (c *comparison) nature(refused bool) {
	wanted, links := "an answer ("+c.p.Outcome()+")", c.links
	m, pointer := accepted(c.p, c.evidence, c.pointer)
	if c.p.Failure != nil {
		var causes []link
		wanted = "a refusal (" + c.p.Failure.Reason + ")"
		m, causes = mustRefuse(c.p, c.part("refusal"), c.links)
		pointer = c.pointer
		links = append(links[:len(links):len(links)], causes...)
	}
	got := fmt.Sprintf("an answer, status %d", c.a.Status)
	if refused {
		got = fmt.Sprintf("a refusal, status %d", c.a.Status)
		if code := c.codes(c.a.body); code != "" {
			got += ", " + code
		}
	}
	for _, l := range links {
		if l.law {
			m = l.mark
		}
	}
	c.capped("answer", "", wanted, got, m, pointer, links)
}

// codes says the members that tell refusals apart.
func (c *comparison) codes(body any) string {
	var out []string
	for _, l := range c.plan.Contract.Envelope.Codes {
		if v, ok := value.Lookup(body, l.Tokens); ok && l.In == specs.InBody {
			out = append(out, value.Pointer(l.Tokens...)+" "+show(v))
		}
	}
	return strings.Join(out, ", ")
}

// at is what a part of the body rests on, general if it is not named.
func (c *comparison) at(tokens []string, general string) specs.Mark {
	return weight.At(c.evidence, specs.Location{Src: value.Pointer(tokens...), In: specs.InBody, Tokens: tokens}, general)
}

func (c *comparison) status() {
	if c.wanted.Status != c.a.Status {
		c.add("status", "", strconv.Itoa(c.wanted.Status), strconv.Itoa(c.a.Status), c.part("status"), c.pointer)
	}
}

func (c *comparison) headers(typ string) {
	named := false
	for _, h := range c.wanted.Headers {
		part := "$response.header." + h.Name
		got := c.a.Header.Values(h.Name)
		if strings.EqualFold(h.Name, "Content-Type") {
			named = true
			if len(got) > 0 && sameType(h.Value, got[0]) {
				continue
			}
		}
		switch {
		case len(got) == 0:
			c.add("header "+h.Name, "", h.Value, "no such header", c.part(part, "headers"), c.pointer)
		case got[0] != h.Value:
			c.add("header "+h.Name, "", h.Value, strings.Join(got, ", "), c.part(part, "headers"), c.pointer)
		}
	}
	if named || !c.wanted.HasBody || typ == "" || len(c.a.Body) == 0 {
		return
	}
	if got := c.a.Header.Get("Content-Type"); c.a.typ != typ {
		if got == "" {
			got = "no such header"
		}
		// Which media type comes is part of the shape: the body is read by it.
		c.add("header Content-Type", "", typ, got, c.part("$response.header.Content-Type", "shape"), c.pointer)
	}
}

func sameType(a, b string) bool {
	x, _, err1 := codec.MediaType(a)
	y, _, err2 := codec.MediaType(b)
	return err1 == nil && err2 == nil && x == y
}

func (c *comparison) cookies() {
	for _, w := range c.wanted.Cookies {
		in := "cookie " + w.Name
		m := c.part("$response.cookie."+w.Name, "headers")
		got := c.a.cookies[w.Name]
		switch {
		case got == nil && w.Clear:
			c.add(in, "", "cleared, with Max-Age=0 or a time that is past", "no Set-Cookie for it", m, c.pointer)
			continue
		case got == nil:
			c.add(in, "", "set", "no Set-Cookie for it", m, c.pointer)
			continue
		case w.Clear:
			if gone := got.MaxAge < 0 || !got.Expires.IsZero() && !got.Expires.After(c.now); !gone {
				c.add(in, "", "cleared, with Max-Age=0 or a time that is past", c.a.raw[w.Name], m, c.pointer)
			}
		case got.Value != w.Value:
			c.add(in, "", w.Value, got.Value, m, c.pointer)
		}
		c.attributes(in, w, got)
	}
}

// attributes compares the attributes of a cookie that the contract states.
func (c *comparison) attributes(in string, w session.Cookie, got *http.Cookie) {
	if w.Kind == nil {
		return
	}
	want, err := http.ParseSetCookie(wire.SetCookie(w, c.base, c.now))
	if err != nil {
		return
	}
	pointer := "/x-session/cookies/" + strings.ReplaceAll(w.Name, "/", "~1")
	say := func(name, part, wanted, got string) {
		c.add(in+" "+name, "", wanted, got, weight.Attribute(w.Kind, part), pointer)
	}
	if want.Path != "" && want.Path != got.Path {
		say("Path", "path", want.Path, orNone(got.Path))
	}
	if want.HttpOnly && !got.HttpOnly {
		say("HttpOnly", "httpOnly", "there", "not there")
	}
	if want.Secure && !got.Secure {
		say("Secure", "secure", "there", "not there")
	}
	if want.SameSite != got.SameSite && w.Kind.SameSite != "" {
		say("SameSite", "sameSite", w.Kind.SameSite, orNone(sameSite(c.a.raw[w.Name])))
	}
	if !w.Clear && want.MaxAge > 0 && abs(time.Duration(want.MaxAge-got.MaxAge)*time.Second) > c.slack {
		say("Max-Age", "age", strconv.Itoa(want.MaxAge), orNone(strings.TrimPrefix(strconv.Itoa(got.MaxAge), "0")))
	}
}

func sameSite(raw string) string {
	for part := range strings.SplitSeq(raw, ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(part), "="); strings.EqualFold(k, "SameSite") {
			return v
		}
	}
	return ""
}

func orNone(s string) string {
	if s == "" {
		return "not there"
	}
	return s
}

func abs(d time.Duration) time.Duration {
	if d < 0 {
		return -d
	}
	return d
}

func (c *comparison) body(pointer string) {
	shape := c.part("shape")
	switch {
	case !c.wanted.HasBody:
		if len(c.a.Body) > 0 {
			c.add("body", "", "nothing", fmt.Sprintf("%d bytes", len(c.a.Body)), shape, c.pointer)
		}
		return
	case len(c.a.Body) == 0:
		c.add("body", "", "a body", "nothing", shape, c.pointer)
		return
	case c.a.broken != "":
		c.add("body", "", "a body that can be read as its media type", c.a.broken, shape, c.pointer)
		return
	}
	if pointer != "" {
		for _, f := range c.a.findings(c.plan.Contract, pointer) {
			m := c.part(f.Pointer, "shape")
			if tokens, err := value.SplitPointer(f.Pointer); err == nil {
				m = c.at(tokens, "shape")
			}
			c.add("body", f.Pointer, demand(f.Message), c.show(f.Pointer), m, c.pointer)
		}
	}
	for i, b := range c.wanted.Bound {
		if !binds(c.wanted.Bound[:i], b.Tokens) {
			c.bound(b)
		}
	}
	if c.p.Failure != nil {
		c.members()
		return
	}
	c.present(c.wanted.Body, c.a.body, make([]string, 0, deepest))
}

// binds reports whether a member has a binding of its own.
func binds(list []session.Bound, at []string) bool {
	return slices.ContainsFunc(list, func(b session.Bound) bool { return slices.Equal(b.Tokens, at) })
}

// stronger is the mark that weighs more.
func stronger(a, b specs.Mark) specs.Mark {
	if b.Level > a.Level {
		return b
	}
	return a
}

// present looks whether the members of the documented example are there. The
// schema says which ones must be; the others weigh less.
func (c *comparison) present(want, got any, at []string) {
	w, ok := want.(value.Object)
	g, isMap := got.(map[string]any)
	if !ok || !isMap || len(at) > deepest {
		return
	}
	for _, m := range w {
		at := append(at, m.Name) // one after another in the same place: nobody keeps it
		v, there := g[m.Name]
		switch {
		case binds(c.wanted.Bound, at):
		case there:
			c.present(m.Value, v, at)
		case m.Value != nil:
			if p := value.Pointer(at...); !c.missing(p) {
				mark := weight.AtMostObserved(c.at(at, "shape"), "the documented example has it, and the schema does not require it")
				c.add("body", p, clipped(show(m.Value)), "not there", mark, c.pointer)
			}
		}
	}
}

// deepest is how deep a member of the documented example may lie that is looked for.
const deepest = 8

// missing reports whether the schema has said already that a member is not
// there.
func (c *comparison) missing(pointer string) bool {
	for _, m := range c.out {
		if m.In == "body" && m.Pointer == pointer {
			return true
		}
	}
	return false
}

// demand says what a schema wants as the end of "wanted …".
func demand(message string) string {
	if message == "is required" {
		return "it to be there"
	}
	wanted, ok := strings.CutPrefix(message, "want ")
	if !ok {
		return "what the schema allows: this " + message
	}
	wanted, _, _ = strings.Cut(wanted, ", got ")
	return wanted
}

func (c *comparison) show(pointer string) string {
	tokens, err := value.SplitPointer(pointer)
	if err != nil {
		return ""
	}
	v, ok := value.Lookup(c.a.body, tokens)
	if !ok {
		return "not there"
	}
	return clipped(show(v))
}

// clipped bounds a text that is masked afterwards, and shortened then: a secret
// that was cut in two could not be found.
func clipped(s string) string {
	if len(s) > maxCompared {
		return s[:maxCompared]
	}
	return s
}

// maxCompared bounds the bytes of a value that a mismatch keeps until it is
// masked; it is longer than any token.
const maxCompared = 32 << 10

// bound compares a member that has a value of its own.
func (c *comparison) bound(b session.Bound) {
	want, wanted := value.Lookup(c.wanted.Body, b.Tokens)
	got, there := value.Lookup(c.a.body, b.Tokens)
	rests := func() specs.Mark { return c.at(b.Tokens, "values") }
	switch {
	case wanted && !there:
		if !b.Known && !c.plan.Target.Complete {
			return
		}
		c.add("body", value.Pointer(b.Tokens...), clipped(show(want)), "not there", stronger(rests(), c.part("shape")), c.pointer)
	case !wanted && there && got != nil && b.Known:
		c.add("body", value.Pointer(b.Tokens...), "not there", clipped(show(got)), rests(), c.pointer)
	case !wanted || !b.Known:
	case !b.Instant.IsZero():
		if c.sameTime(b, want, got) {
			return
		}
		w, g := instants(want, got, timeOf(b, want), timeOf(b, got))
		c.add("body", value.Pointer(b.Tokens...), w, g, rests(), c.pointer)
	default:
		c.values(want, got, slices.Clip(b.Tokens), rests)
	}
}

// sameTime compares two times with slack, each as the binding writes it.
func (c *comparison) sameTime(b session.Bound, want, got any) bool {
	if same(want, got) {
		return true
	}
	t, u := timeOf(b, want), timeOf(b, got)
	return !t.IsZero() && !u.IsZero() && abs(t.Sub(u)) <= c.slack
}

// timeOf is the time that a value speaks of, by its binding; zero: none.
func timeOf(b session.Bound, v any) time.Time {
	x, _ := b.Value.Undo(v)
	t, _ := x.(time.Time)
	return t
}

// values compares two values, all places at once. Members that are not demanded
// may be there, and those that have a binding of their own are compared by it. rests
// says what the demand rests on.
func (c *comparison) values(want, got any, at []string, rests func() specs.Mark) {
	switch w := want.(type) {
	case value.Object:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, member := range w {
			if member.Value == nil && c.p.Failure == nil && !c.plan.Target.Complete {
				continue
			}
			v, there := g[member.Name]
			at := append(at, member.Name)
			if binds(c.wanted.Bound, at) {
				continue
			}
			if !there {
				if member.Value != nil {
					c.add("body", value.Pointer(at...), clipped(show(member.Value)), "not there", rests(), c.pointer)
				}
				continue
			}
			c.values(member.Value, v, at, rests)
		}
		return
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			c.values(w[i], g[i], append(at, strconv.Itoa(i)), rests)
		}
		return
	}
	if !same(want, got) {
		c.add("body", value.Pointer(at...), clipped(show(want)), clipped(show(got)), rests(), c.pointer)
	}
}

// same compares scalars: numbers by their value.
func same(a, b any) bool {
	switch a.(type) {
	case nil, bool, string, json.Number:
		if a == b {
			return true // most are, and need not be written
		}
	}
	x, isX := a.(json.Number)
	y, isY := b.(json.Number)
	if isX && isY {
		f, err1 := x.Float64()
		g, err2 := y.Float64()
		return err1 == nil && err2 == nil && f == g
	}
	xb, err1 := json.Marshal(value.Plain(a))
	yb, err2 := json.Marshal(value.Plain(b))
	return err1 == nil && err2 == nil && string(xb) == string(yb)
}

// members compares the other members of a refusal with the documented example:
// its codes as it says, the rest with less weight. Of a text that is no code it
// asks only that it is there: nobody knows how a server words it.
func (c *comparison) members() {
	var walk func(want any, at []string)
	walk = func(want any, at []string) {
		if binds(c.wanted.Bound, at) {
			return
		}
		switch want := want.(type) {
		case value.Object:
			for _, m := range want {
				walk(m.Value, append(at, m.Name))
			}
		case []any:
		default:
			c.member(want, at)
		}
	}
	walk(c.wanted.Body, make([]string, 0, deepest))
}

// member compares one of them.
func (c *comparison) member(want any, at []string) {
	code := slices.ContainsFunc(c.plan.Contract.Envelope.Codes, func(l specs.Location) bool { return slices.Equal(l.Tokens, at) })
	_, wording := want.(string)
	wording = wording && !code
	got, there := value.Lookup(c.a.body, at)
	came := "not there"
	switch {
	case !there && want != nil:
	case there && !wording && !same(want, got):
		came = clipped(show(got))
	default:
		return
	}
	m := c.at(at, "values")
	if !code {
		m = weight.AtMostObserved(m, "the documented example has it, and it is no code")
	}
	c.add("body", value.Pointer(at...), clipped(show(want)), came, m, c.pointer)
}

// token compares a token that was issued with what its kind looks like.
func (c *comparison) token(t *session.Token) {
	x, err := c.p.Expect(t)
	if err != nil {
		return
	}
	m := t.Kind.Evidence.Part("format")
	in := "token " + t.Kind.Name
	pointer := "/x-session/tokens/" + t.Kind.Name
	if x.Form.JWT == nil {
		if x.Form.Schema == nil {
			return
		}
		v, err := c.plan.Contract.Schemas.Compile(x.Form.Pointer, schema.Request)
		if err != nil {
			return
		}
		for _, f := range v.Validate(codec.DecodeText(x.Form.Schema, t.Text)) {
			c.add(in, "", demand(f.Message), "a text of "+strconv.Itoa(len(t.Text))+" characters", m, pointer)
		}
		return
	}
	parts := strings.Split(t.Text, ".")
	header, claims, ok := jwtParts(parts)
	if !ok {
		c.add(in, "", "a JSON Web Token", "a text of "+strconv.Itoa(len(t.Text))+" characters that is none", m, pointer)
		return
	}
	c.claims(in, "/header", x.Header, header, x, m, pointer)
	c.claims(in, "/claims", x.Claims, claims, x, m, pointer)
	if x.Key != "" && c.plan.Target.Complete && !c.p.Verify(t) {
		c.add(in, "", "a signature that the key of the settings verifies", "another", m, pointer)
	}
}

func jwtParts(parts []string) (header, claims map[string]any, ok bool) {
	if len(parts) != 3 {
		return nil, nil, false
	}
	read := func(s string) map[string]any {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
		if err != nil {
			return nil
		}
		v, err := codec.DecodeJSON(b, "", codec.DefaultLimits())
		if err != nil {
			return nil
		}
		m, _ := value.Plain(v).(map[string]any)
		return m
	}
	header, claims = read(parts[0]), read(parts[1])
	return header, claims, header != nil && claims != nil
}

func (c *comparison) claims(in, part string, want value.Object, got map[string]any, x *session.Expected, m specs.Mark, pointer string) {
	for _, w := range want {
		v, there := got[w.Name]
		at := part + "/" + w.Name
		switch {
		case !there:
			c.add(in, at, clipped(show(w.Value)), "not there", m, pointer)
		case part == "/claims" && x.Loose[w.Name]:
		case part == "/claims" && !x.Instants[w.Name].IsZero():
			if !same(w.Value, v) && !c.closeNumbers(w.Value, v) {
				wanted, came := instants(w.Value, v, numericDate(w.Value), numericDate(v))
				c.add(in, at, wanted, came, m, pointer)
			}
		case !same(w.Value, v):
			c.add(in, at, clipped(show(w.Value)), clipped(show(v)), m, pointer)
		}
	}
	for name := range got {
		if _, ok := want.Get(name); !ok && c.plan.Target.Complete {
			c.add(in, part+"/"+name, "not there", clipped(show(got[name])), specs.Mark{Level: specs.Inferred, Reason: "a further claim harms nobody"}, pointer)
		}
	}
}

// closeNumbers compares two NumericDates (RFC 7519) with slack.
func (c *comparison) closeNumbers(a, b any) bool {
	x, ok1 := a.(json.Number)
	y, ok2 := b.(json.Number)
	if !ok1 || !ok2 {
		return false
	}
	f, err1 := x.Float64()
	g, err2 := y.Float64()
	return err1 == nil && err2 == nil && abs(time.Duration((f-g)*float64(time.Second))) <= c.slack
}
