package mutant

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mockauth/mockauth/conformance/internal/weight"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// token makes the mutants of a kind of token.
func (m *maker) token(k *specs.TokenKind) {
	pointer := "/x-session/tokens/" + k.Name
	issued := m.canIssue(k.Name)
	r := func(part string, links ...specs.Mark) rule {
		return m.rule(pointer, 0, append(links, k.Evidence.Part(part))...)
	}
	with := func(change func(*specs.TokenKind)) func() *specs.Contract {
		return func() *specs.Contract {
			x := *k
			change(&x)
			return m.c.WithToken(&x)
		}
	}
	dies := func(reason string) specs.Mark { return m.bestRefusal("token." + reason + "." + k.Name) }
	lives := func(links ...specs.Mark) rule {
		return m.rule(pointer, 0, append(links, weight.Strongest([]specs.Mark{life(k), idleOf(k)}))...)
	}
	if k.Once {
		m.add("once-ignored", k.Name, "", fmt.Sprintf("The token %s can be used again and again.", k.Name), r("use", dies("consumed")), with(func(x *specs.TokenKind) { x.Once = false }), issued...)
	} else {
		m.add("once-only", k.Name, "", fmt.Sprintf("The token %s can be used once only.", k.Name), m.rule(pointer, 0, m.protected(k.Name)), with(func(x *specs.TokenKind) { x.Once = true }), issued...)
	}
	if k.Lifetime != nil {
		// What an operation says of the life of its own tokens comes before it.
		plain := func(i *specs.Issue) bool { return i.Lifetime == nil }
		when := []condition{m.some(k.Lifetime), m.issues(k.Name, plain)}
		by := m.issuers(k.Name, plain)
		told := make([]specs.Mark, 0, len(by))
		for _, op := range by {
			told = append(told, m.told(op, k.Name))
		}
		r := func(part string, links ...specs.Mark) rule {
			return r(part, append(links, m.lifeShows(k, by), weight.Strongest(told))...)
		}
		m.add("lifetime-ignored", k.Name, "", fmt.Sprintf("The token %s lives for ever, and says so.", k.Name), r("lifetime"), with(func(x *specs.TokenKind) { x.Lifetime, x.Caps = nil, nil }), when...)
		m.add("lifetime-changed", k.Name, "", fmt.Sprintf("The token %s lives for 77 seconds, and says so.", k.Name), r("lifetime"), with(func(x *specs.TokenKind) { x.Lifetime = expression("seconds(77)") }), when...)
	}
	ends := m.canDie(k, "expired")
	m.put(Mutant{Kind: "lifetime-short", Says: fmt.Sprintf("The token %s dies after half of the life that it says.", k.Name), twist: early(k.Name, 2)}, k.Name, "", lives(m.protected(k.Name)), ends)
	m.put(Mutant{Kind: "lifetime-short-by-a-tenth", Says: fmt.Sprintf("The token %s dies after nine tenths of the life that it says.", k.Name), twist: early(k.Name, 10)}, k.Name, "", lives(m.protected(k.Name)), ends)
	m.put(Mutant{Kind: "lifetime-overrun", Says: fmt.Sprintf("The token %s lives longer than it says, by half of its life.", k.Name), twist: late(k.Name)}, k.Name, "", lives(dies("expired")), ends)
	for i, c := range k.Caps {
		m.add("cap-ignored", k.Name, c.Src, fmt.Sprintf("The token %s may outlive %s.", k.Name, c.Src), r("cap", m.lifeShows(k, m.issuers(k.Name, nil))), with(func(x *specs.TokenKind) { x.Caps = without(k.Caps, i) }), slices.Concat(issued, []condition{m.some(c)})...)
	}
	if k.Idle != nil {
		when := slices.Concat(issued, []condition{m.some(k.Idle)})
		m.add("idle-ignored", k.Name, "", fmt.Sprintf("The token %s does not die of not being used.", k.Name), r("idle", dies("expired")), with(func(x *specs.TokenKind) { x.Idle = nil }), when...)
		m.put(Mutant{Kind: "idle-not-renewed", Says: fmt.Sprintf("The token %s dies although it is used.", k.Name), twist: changed(nil, func(_ *turn, d *session.Decision) *session.Decision {
			d.Touch = slices.DeleteFunc(d.Touch, func(x *session.Token) bool { return x.Kind.Name == k.Name })
			return d
		})}, k.Name, "", r("idle", m.protected(k.Name)), when)
	}
	if k.Forget != nil {
		m.add("forget-ignored", k.Name, "", fmt.Sprintf("An expired token %s is never forgotten.", k.Name), r("forget", m.toldApart(k.Name)), with(func(x *specs.TokenKind) { x.Forget = nil }), slices.Concat(issued, []condition{m.some(k.Forget)})...)
	}
	if l := k.Limit; l != nil {
		wide := func(src string) func() *specs.Contract {
			return with(func(x *specs.TokenKind) {
				limit := *l
				limit.Max = expression(src)
				x.Limit = &limit
			})
		}
		reason := "replaced"
		if !l.Replace {
			reason = ""
		}
		refused := m.bestRefusal("limit.reached." + k.Name)
		if reason != "" {
			refused = dies(reason)
		}
		when := slices.Concat(issued, []condition{m.some(l.Max)})
		m.add("limit-ignored", k.Name, "", fmt.Sprintf("There may be any number of tokens %s.", k.Name), r("limit", refused), wide("1000000"), when...)
		m.add("limit-wider", k.Name, "", fmt.Sprintf("There may be one token %s more than is allowed.", k.Name), r("limit", refused), wide("("+l.Max.Src+") + 1"), when...)
	}
	for i := range k.Forms {
		when := slices.Concat(issued, []condition{m.gate.may(nil, k.Forms[i].When)})
		for _, earlier := range k.Forms[:i] {
			when = append(when, m.gate.mayNot(nil, earlier.When))
		}
		m.form(k, i, with, when)
	}
}

// toldApart is what it rests on how a token is refused that is not known any
// more: refused it is, too, where it has expired only.
func (m *maker) toldApart(kind string) specs.Mark {
	var marks []specs.Mark
	for _, r := range m.refusals {
		if r.reason == "token.unknown."+kind && len(r.top) > 0 {
			marks = append(marks, weight.Strongest(r.rule("status").marks), weight.Strongest(r.rule("values").marks))
		}
	}
	return weight.Strongest(marks)
}

// bestRefusal is what it rests on that a reason refuses anywhere.
func (m *maker) bestRefusal(reason string) specs.Mark {
	var marks []specs.Mark
	for _, r := range m.refusals {
		if r.reason == reason {
			marks = append(marks, weight.Weakest(r.rule("refusal").marks))
		}
	}
	return weight.Strongest(marks)
}

func (m *maker) form(k *specs.TokenKind, i int, with func(func(*specs.TokenKind)) func() *specs.Contract, when []condition) {
	f := k.Forms[i]
	put := func(j *specs.JWT) func() *specs.Contract {
		return with(func(x *specs.TokenKind) {
			form := f
			form.JWT = j
			x.Forms = replaced(k.Forms, i, form)
		})
	}
	pointer := "/x-session/tokens/" + k.Name
	by := m.issuers(k.Name, nil)
	told := make([]specs.Mark, 0, len(by))
	for _, op := range by {
		told = append(told, m.told(op, k.Name))
	}
	r := func(name string) rule {
		return m.rule(pointer, 0, weight.Strongest(told), weight.At(k.Evidence, specs.Location{Src: "/" + name, In: specs.InBody, Tokens: []string{name}}, "format"))
	}
	detail := ""
	if len(k.Forms) > 1 {
		detail = fmt.Sprintf("form%d/", i+1)
	}
	if f.JWT == nil {
		m.add("format-changed", k.Name, detail, fmt.Sprintf("The token %s does not have its documented form.", k.Name), r("format"), put(&specs.JWT{
			Header: []specs.NamedValue{{Name: "alg", Value: literal("HS256")}}, Claims: []specs.NamedValue{{Name: "jti", Value: m.value("$token.id")}}, Key: literal("mutant"),
		}), when...)
		return
	}
	m.add("signature-broken", k.Name, detail, fmt.Sprintf("The token %s is signed with another key.", k.Name), r("format"), put(&specs.JWT{Header: f.JWT.Header, Claims: f.JWT.Claims, Key: literal(otherKey)}), when...)
	m.named("claim", k, f.JWT.Claims, detail, r, when, func(list []specs.NamedValue) func() *specs.Contract {
		return put(&specs.JWT{Header: f.JWT.Header, Claims: list, Key: f.JWT.Key})
	})
	m.named("jwt-header", k, f.JWT.Header, detail, r, when, func(list []specs.NamedValue) func() *specs.Contract {
		return put(&specs.JWT{Header: list, Claims: f.JWT.Claims, Key: f.JWT.Key})
	})
}

// otherKey is neither a PEM key nor one that a world has.
const otherKey = "the key of somebody else, long enough for any of the HS algorithms"

func (m *maker) value(src string) *specs.Value {
	v, err := m.c.NewValue(src)
	if err != nil {
		return literal("mutant")
	}
	return v
}

// named makes the mutants of the claims or the header of a JWT.
func (m *maker) named(kind string, k *specs.TokenKind, list []specs.NamedValue, detail string, r func(string) rule, when []condition, put func([]specs.NamedValue) func() *specs.Contract) {
	for i, c := range list {
		when := append(slices.Clone(when), m.hasFact(c.Value))
		if c.Name != "alg" {
			m.add(kind+"-dropped", k.Name, detail+c.Name, fmt.Sprintf("The token %s has no %s in its %s.", k.Name, c.Name, kind), r(c.Name), put(without(list, i)), when...)
		}
		other := literal("mutant")
		for _, ref := range c.Value.Refs() {
			if len(ref.Codecs) > 0 {
				other = literal(json.Number("77"))
			}
		}
		if c.Name == "alg" {
			other = literal("HS384")
		}
		wrong := r(c.Name)
		wrong.marks = append(wrong.marks, m.telling(c.Value)...)
		m.add(kind+"-wrong", k.Name, detail+c.Name, fmt.Sprintf("The token %s has another %s in its %s.", k.Name, c.Name, kind), wrong, put(replaced(list, i, specs.NamedValue{Name: c.Name, Value: other})), when...)
	}
	m.add(kind+"-added", k.Name, detail, fmt.Sprintf("The token %s has something in its %s that nobody documents.", k.Name, kind), m.rule("/x-session/tokens/"+k.Name, 0, specs.Mark{Reason: "a member more is not forbidden anywhere"}),
		put(append(slices.Clone(list), specs.NamedValue{Name: "mutant", Value: literal("yes")})), when...)
}

// hasFact is the condition that the facts of a session that a value speaks of may
// be there.
func (m *maker) hasFact(v *specs.Value) condition {
	return func(settings map[string]any) bool {
		for _, ref := range v.Refs() {
			if len(ref.Path) == 0 || ref.Root != "session" && ref.Root != "token" {
				continue
			}
			if _, ok := m.c.Session.Fact(ref.Path[0]); !ok {
				continue
			}
			found := false
			for _, op := range m.c.Operations {
				for _, o := range op.Opens {
					for _, w := range o.With {
						found = found || w.Name == ref.Path[0] && m.given(op, w.Value, settings)
					}
				}
			}
			if !found {
				return false
			}
		}
		return true
	}
}

// given reports whether a value may be there under some settings.
func (m *maker) given(op *specs.Operation, v *specs.Value, settings map[string]any) bool {
	for _, ref := range v.Refs() {
		if src, ok := m.gate.let(op, ref.Root); ok && len(ref.Path) == 0 {
			if x, known := m.gate.source(op, src, settings, 0); known && x == nil {
				return false
			}
		}
	}
	return true
}

// early lets tokens of a kind die when part-1 of part of their life are over.
func early(kind string, part int) session.Twist {
	return func(m *session.Machine, op *specs.Operation, req *session.Request, at session.Moment) *session.Decision {
		t := &turn{m, op, req, at}
		for _, tok := range t.presented() {
			end := tok.End()
			if tok.Kind.Name != kind || tok.State != session.Live || end.IsZero() {
				continue
			}
			from := tok.Issued
			if tok.Idle > 0 {
				from = tok.Used
			}
			if left := end.Sub(from) / time.Duration(part); !at.Now.Before(end.Add(-left)) {
				c := *tok
				c.Expires, c.Idle = at.Now, 0
				at.Tx.PutToken(&c)
			}
		}
		return m.Decide(op, req, at)
	}
}

// late lets tokens of a kind live half as long again.
func late(kind string) session.Twist {
	return func(m *session.Machine, op *specs.Operation, req *session.Request, at session.Moment) *session.Decision {
		t := &turn{m, op, req, at}
		for _, tok := range t.presented() {
			end := tok.End()
			if tok.Kind.Name != kind || tok.State != session.Live || end.IsZero() || at.Now.Before(end) {
				continue
			}
			more := end.Add(end.Sub(tok.Issued) / 2)
			if at.Now.Before(more) {
				c := *tok
				c.Expires, c.Idle = more, 0
				at.Tx.PutToken(&c)
			}
		}
		return m.Decide(op, req, at)
	}
}

// record makes the mutants of a kind of record: its own conditions, and locks.
func (m *maker) record(k *specs.RecordKind) {
	pointer := "/x-session/records/" + k.Name
	with := func(change func(*specs.RecordKind)) func() *specs.Contract {
		return func() *specs.Contract {
			x := *k
			change(&x)
			return m.c.WithRecord(&x)
		}
	}
	for i, n := range k.Needs {
		m.add("need-unchecked", k.Name, n.Else, fmt.Sprintf("Nobody looks whether %s.", n.That.Src), m.rule(n.That.Pointer, n.That.Line, n.Evidence.Part("refusal"), m.bestRefusal(n.Else)),
			with(func(x *specs.RecordKind) { x.Needs = without(k.Needs, i) }), m.gate.mayNot(nil, n.That))
		refuse := *n
		refuse.That = &specs.Expr{Src: "false", Pointer: n.That.Pointer, Line: n.That.Line}
		m.add("need-refuses", k.Name, n.Else, fmt.Sprintf("Every %s is refused as %s.", k.Name, n.Else), m.rule(n.That.Pointer, n.That.Line, m.protected("")),
			with(func(x *specs.RecordKind) { x.Needs = replaced(k.Needs, i, &refuse) }), m.gate.may(nil, n.That))
	}
	if k.Locks == nil {
		return
	}
	locks := func(after string, end *specs.Expr) func() *specs.Contract {
		return with(func(x *specs.RecordKind) {
			l := *k.Locks
			l.After, l.For = expression(after), end
			x.Locks = &l
		})
	}
	when := m.some(k.Locks.After)
	var locked []specs.Mark
	for _, r := range m.refusals {
		if len(r.reason) > 19 && r.reason[:19] == "credentials.locked." {
			locked = append(locked, weight.Weakest(r.rule("refusal").marks))
		}
	}
	r := m.rule(pointer+"/locks", 0, k.Locks.Evidence.Part("refusal"), weight.Strongest(locked))
	src := k.Locks.After.Src
	m.add("lock-never", k.Name, "", fmt.Sprintf("A %s is never locked, however many wrong secrets are sent.", k.Name), r, locks("1000000", k.Locks.For), when)
	m.add("lock-at-once", k.Name, "", fmt.Sprintf("A %s is locked at the first wrong secret.", k.Name), r, locks("1", k.Locks.For), when)
	m.add("lock-early", k.Name, "", fmt.Sprintf("A %s is locked one wrong secret too early.", k.Name), r, locks("("+src+") - 1", k.Locks.For), when)
	m.add("lock-late", k.Name, "", fmt.Sprintf("A %s is locked one wrong secret too late.", k.Name), r, locks("("+src+") + 1", k.Locks.For), when)
	if k.Locks.For != nil {
		m.add("lock-for-ever", k.Name, "", fmt.Sprintf("A locked %s stays locked.", k.Name), r, locks(src, nil), when, m.some(k.Locks.For))
		m.add("lock-short", k.Name, "", fmt.Sprintf("A lock on a %s is over at once.", k.Name), r, locks(src, expression("seconds(0)")), when, m.some(k.Locks.For))
	}
	m.put(Mutant{Kind: "lock-counts-for-ever", Says: fmt.Sprintf("A right secret does not forgive a %s the wrong ones before.", k.Name), twist: changed(nil, func(_ *turn, d *session.Decision) *session.Decision {
		d.Proven = slices.DeleteFunc(d.Proven, func(x *session.Record) bool { return x.Kind.Name == k.Name })
		return d
	})}, k.Name, "", r, []condition{when})
}

// cookies makes the mutants of the attributes of cookies.
func (m *maker) cookies() {
	for _, name := range slices.Sorted(maps.Keys(m.c.Cookies)) {
		k := m.c.Cookies[name]
		pointer := "/x-session/cookies/" + name
		add := func(kind, attribute, part, says string, change func(*specs.Cookie)) *Mutant {
			mark := k.Evidence.Part(part)
			if _, named := k.Evidence.Parts[part]; kind == "cookie-attribute-added" && !named {
				mark = specs.Mark{Level: specs.Inferred, Reason: "no source says that the attribute is not there"}
			}
			return m.add(kind, name, attribute, says, m.rule(pointer, 0, mark), func() *specs.Contract {
				c := *m.c
				c.Cookies = maps.Clone(m.c.Cookies)
				x := *k
				change(&x)
				c.Cookies[name] = &x
				return &c
			}, m.sets(name))
		}
		if k.BasePath || k.Path != "" {
			add("cookie-attribute-lost", "Path", "path", fmt.Sprintf("The cookie %s has no Path.", name), func(x *specs.Cookie) { x.BasePath, x.Path = false, "" })
			add("cookie-attribute-wrong", "Path", "path", fmt.Sprintf("The cookie %s has another Path.", name), func(x *specs.Cookie) { x.BasePath, x.Path = false, "/mutant" })
		}
		if k.HTTPOnly {
			add("cookie-attribute-lost", "HttpOnly", "httpOnly", fmt.Sprintf("The cookie %s is not HttpOnly.", name), func(x *specs.Cookie) { x.HTTPOnly = false })
		} else {
			add("cookie-attribute-added", "HttpOnly", "httpOnly", fmt.Sprintf("The cookie %s is HttpOnly.", name), func(x *specs.Cookie) { x.HTTPOnly = true })
		}
		if k.Secure != "" {
			x := add("cookie-attribute-lost", "Secure", "secure", fmt.Sprintf("The cookie %s is not Secure.", name), func(x *specs.Cookie) { x.Secure = "" })
			x.HTTPS = k.Secure == "auto"
		}
		if k.SameSite != "" {
			add("cookie-attribute-lost", "SameSite", "sameSite", fmt.Sprintf("The cookie %s has no SameSite.", name), func(x *specs.Cookie) { x.SameSite = "" })
			add("cookie-attribute-wrong", "SameSite", "sameSite", fmt.Sprintf("The cookie %s has another SameSite.", name), func(x *specs.Cookie) {
				if x.SameSite = "None"; k.SameSite == "None" {
					x.SameSite = "Strict"
				}
			})
		}
		other := 77 * time.Second
		if k.AgeToken || k.Age != nil {
			add("cookie-attribute-lost", "Max-Age", "age", fmt.Sprintf("The cookie %s has no Max-Age.", name), func(x *specs.Cookie) { x.AgeToken, x.Age = false, nil })
			add("cookie-attribute-wrong", "Max-Age", "age", fmt.Sprintf("The cookie %s has another Max-Age.", name), func(x *specs.Cookie) { x.AgeToken, x.Age = false, &other })
		} else {
			add("cookie-attribute-added", "Max-Age", "age", fmt.Sprintf("The cookie %s outlives the browser.", name), func(x *specs.Cookie) { x.Age = &other })
		}
	}
}

// sets is the condition that an answer sets a cookie.
func (m *maker) sets(cookie string) condition {
	return func(settings map[string]any) bool {
		for _, op := range m.c.Operations {
			for _, a := range op.Answers {
				list := slices.Clone(a.Binds)
				if a.Example != nil {
					list = append(list, a.Example.Binds...)
				}
				for _, b := range list {
					if b.At.In == specs.InCookie && b.At.Name == cookie && m.gate.may(op, op.Offered)(settings) && m.gate.may(op, a.When)(settings) && m.hasValue(b.Value, settings) {
						return true
					}
				}
			}
		}
		return false
	}
}

// hasValue reports whether the tokens that a value speaks of can be there.
func (m *maker) hasValue(v *specs.Value, settings map[string]any) bool {
	for _, ref := range v.Refs() {
		if m.c.Token(ref.Root) != nil && !m.canIssue(ref.Root)[0](settings) {
			return false
		}
	}
	return true
}
