package specs

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
)

// reader reads one document into a Contract and collects what is wrong.
type reader struct {
	c        *Contract
	doc      *document.Document
	findings Findings
	// words, if not nil, collects which words each thing has: the test of the
	// extension's JSON Schema compares the two.
	words map[string][]string
}

func (p *reader) add(code string, n *yaml.Node, pointer, message, fix string) {
	line := 0
	if n != nil {
		line = n.Line
	}
	p.findings = append(p.findings, Finding{code, p.doc.Name, line, pointer, message, fix})
}

func (p *reader) addf(code string, n *yaml.Node, pointer, fix, format string, args ...any) {
	p.add(code, n, pointer, fmt.Sprintf(format, args...), fix)
}

// fields calls the function for each word of a map and reports the words that
// are not among them. Words that begin with x- are left alone where free.
func (p *reader) fields(n *yaml.Node, ptr, what string, words map[string]func(n *yaml.Node, ptr string)) {
	if n == nil {
		return
	}
	if document.Follow(n).Kind != yaml.MappingNode {
		p.addf("bad-type", n, ptr, "write it as a map of: "+strings.Join(sortedKeys(words), ", "), "%s is a map", what)
		return
	}
	if p.words != nil {
		p.words[what] = sortedKeys(words)
	}
	for _, e := range document.Entries(n) {
		f, ok := words[e.Key]
		at := ptr + value.Pointer(e.Key)
		if !ok {
			p.addf("unknown-word", e.KeyAt, at, didYouMean(e.Key, sortedKeys(words)), "%s has no word %q", what, e.Key)
			continue
		}
		if f != nil {
			f(e.Node, at)
		}
	}
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

func (p *reader) text(n *yaml.Node, ptr, what string) string {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		p.addf("bad-type", n, ptr, "", "%s is a text", what)
		return ""
	}
	return n.Value
}

func (p *reader) boolean(n *yaml.Node, ptr, what string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		p.addf("bad-type", n, ptr, "write true or false", "%s is true or false", what)
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// expr reads an expression; a YAML true, false, number or null is one too.
func (p *reader) expr(n *yaml.Node, ptr string) *Expr {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.ScalarNode {
		p.add("bad-type", n, ptr, "an expression is a text", "if it begins with [ or {, put it in quotes")
		return nil
	}
	e := &Expr{Src: n.Value, Pointer: ptr, Line: n.Line}
	if _, err := e.Names(); err != nil {
		p.add("bad-expression", n, ptr, fmt.Sprintf("%s: %s", n.Value, exprMessage(err)), "see \"Expressions\" in docs/contracts.md")
		return nil
	}
	return e
}

func (p *reader) value(n *yaml.Node, ptr string) *Value {
	v, err := parseValue(document.Value(n), p.c.codecs)
	if err != nil {
		p.add("bad-value", n, ptr, fmt.Sprintf("%s: %v", n.Value, err), "see \"Values\" in docs/contracts.md")
		v = &Value{Src: n.Value}
	}
	v.Pointer, v.Line = ptr, n.Line
	return v
}

func (p *reader) location(n *yaml.Node, key, ptr string, response bool) (Location, bool) {
	l, err := parseLocation(key, response)
	if err != nil {
		p.add("bad-location", n, ptr, fmt.Sprintf("%q: %v", key, err), "see \"Locations\" in docs/contracts.md")
		return l, false
	}
	return l, true
}

func list(n *yaml.Node) []*yaml.Node {
	n = document.Follow(n)
	if isNull(n) {
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		out := make([]*yaml.Node, len(n.Content))
		for i, e := range n.Content {
			out[i] = document.Follow(e)
		}
		return out
	}
	return []*yaml.Node{n}
}

// each walks a list (or a single item written without one).
func (p *reader) each(n *yaml.Node, ptr string, f func(n *yaml.Node, ptr string)) {
	single := document.Follow(n).Kind != yaml.SequenceNode
	for i, e := range list(n) {
		if single {
			f(e, ptr)
		} else {
			f(e, ptr+"/"+strconv.Itoa(i))
		}
	}
}

func (p *reader) texts(n *yaml.Node, ptr, what string) []string {
	var out []string
	p.each(n, ptr, func(n *yaml.Node, ptr string) { out = append(out, p.text(n, ptr, what)) })
	return out
}

// evidence reads `documented S1 S2`, or a map of parts.
func (p *reader) evidence(n *yaml.Node, ptr string) Evidence {
	var e Evidence
	if n.Kind == yaml.ScalarNode {
		if m, ok := p.mark(n, ptr); ok {
			e.Whole = &m
		}
		return e
	}
	if n.Kind != yaml.MappingNode {
		p.add("bad-type", n, ptr, "evidence is one line, or a map of parts", "such as: documented seed")
		return e
	}
	e.Parts = map[string]Mark{}
	for _, en := range document.Entries(n) {
		if en.Node.Kind != yaml.ScalarNode {
			p.add("bad-type", en.Node, ptr+value.Pointer(en.Key), "evidence of a part is one line", "such as: documented seed")
			continue
		}
		if m, ok := p.mark(en.Node, ptr+value.Pointer(en.Key)); ok {
			e.Parts[en.Key] = m
		}
	}
	return e
}

func (p *reader) mark(n *yaml.Node, ptr string) (Mark, bool) {
	head, note, _ := strings.Cut(n.Value, ":")
	words := strings.Fields(head)
	if len(words) == 0 {
		p.add("no-evidence", n, ptr, "empty evidence", "write documented, observed or inferred, and what it rests on")
		return Mark{}, false
	}
	var m Mark
	switch words[0] {
	case "documented":
		m.Level = Documented
	case "observed":
		m.Level = Observed
	case "inferred":
		m.Level = Inferred
		m.Reason = strings.TrimSpace(strings.TrimPrefix(n.Value, "inferred"))
		return m, true
	default:
		p.addf("no-evidence", n, ptr, didYouMean(words[0], []string{"documented", "observed", "inferred"}), "evidence begins with documented, observed or inferred, not %q", words[0])
		return m, false
	}
	m.Reason = strings.TrimSpace(note)
	for _, w := range words[1:] {
		w = strings.Trim(w, ",")
		if _, ok := p.c.Sources[w]; !ok {
			p.addf("unknown-source", n, ptr, cmp.Or(didYouMean(w, sortedKeys(p.c.Sources)), "add it to sources: {"+w+": what it is}"), "no source is called %q", w)
			continue
		}
		m.Sources = append(m.Sources, w)
	}
	if len(words) == 1 {
		p.addf("no-evidence", n, ptr, "write the ids from sources, such as: "+words[0]+" S1", "%s by which source?", words[0])
	}
	return m, true
}

func (p *reader) wantEvidence(e Evidence, n *yaml.Node, ptr, what string) {
	// A mark that does not parse has been reported already.
	if !e.Given() && !slices.ContainsFunc(p.findings, func(f Finding) bool {
		return f.Code == "no-evidence" && strings.HasPrefix(f.Pointer, ptr+"/evidence")
	}) {
		p.addf("no-evidence", n, ptr, "add evidence: documented SOURCE, observed SOURCE, or inferred REASON", "%s does not say what it rests on", what)
	}
}

// deref follows $ref and returns the node with its own pointer.
func (p *reader) deref(n *yaml.Node, ptr string) (*yaml.Node, string) {
	for range 32 {
		ref := document.Get(n, "$ref")
		if ref == nil || ref.Kind != yaml.ScalarNode {
			return n, ptr
		}
		target, ok := strings.CutPrefix(ref.Value, "#")
		if !ok {
			p.addf("dangling-reference", ref, ptr, "put everything into one file, for instance with: redocly bundle", "%q leads out of the document", ref.Value)
			return n, ptr
		}
		if u, err := url.PathUnescape(target); err == nil {
			target = u
		}
		to := p.doc.At(target)
		if to == nil {
			p.addf("dangling-reference", ref, ptr, "", "%q leads nowhere", ref.Value)
			return n, ptr
		}
		n, ptr = to, target
	}
	p.add("dangling-reference", n, ptr, "a $ref goes in a circle", "")
	return n, ptr
}

// schemaAt returns the schema node of a $ref or inline schema at n.
func (p *reader) schemaAt(n *yaml.Node, ptr string) (*schema.Node, string) {
	_, at := p.deref(n, ptr)
	s, ok := p.c.Schemas.Node(at)
	if !ok {
		p.add("schema-invalid", n, ptr, "this is no schema", "")
		return nil, ""
	}
	if ref := document.Get(n, "$ref"); ref != nil {
		if s2, ok := p.c.Schemas.Node(ptr); ok {
			s = s2 // keeps RefName
		}
	}
	return s, at
}

func (p *reader) document() {
	root := p.doc.Root
	if root.Kind != yaml.MappingNode || document.Get(root, "openapi") == nil {
		p.add("openapi-invalid", root, "", "this is no OpenAPI document: it has no member openapi", "begin with: openapi: 3.0.3")
		return
	}
	if v := document.Get(root, "openapi"); !regexp.MustCompile(`^3\.[01]\.\d+`).MatchString(v.Value) {
		p.addf("openapi-invalid", v, "/openapi", "use 3.0.3 or 3.1.0", "OpenAPI %q is not read", v.Value)
		return
	}
	if info := document.Get(root, "info"); info != nil {
		for _, e := range document.Entries(info) {
			switch e.Key {
			case "title":
				p.c.Title = e.Node.Value
			case "version":
				p.c.Version = e.Node.Value
			case "description":
				p.c.Description = e.Node.Value
			}
		}
	}
	p.servers(document.Get(root, "servers"), "/servers")
	p.xSession(document.Get(root, "x-session"), "/x-session")
	p.examples(document.Get(document.Get(root, "components"), "examples"), "/components/examples")
	p.failuresLater()
	p.schemes(document.Get(document.Get(root, "components"), "securitySchemes"), "/components/securitySchemes")
	p.operations(document.Get(root, "paths"), "/paths")
}

func (p *reader) servers(n *yaml.Node, ptr string) {
	seen := map[string]bool{}
	for i, s := range list(n) {
		at := ptr + "/" + strconv.Itoa(i) + "/url"
		u := document.Get(s, "url")
		if u == nil {
			continue
		}
		text := u.Value
		for _, v := range document.Entries(document.Get(s, "variables")) {
			if d := document.Get(v.Node, "default"); d != nil {
				text = strings.ReplaceAll(text, "{"+v.Key+"}", d.Value)
			}
		}
		parsed, err := url.Parse(text)
		if err != nil {
			p.addf("openapi-invalid", u, at, "", "%q is no URL", u.Value)
			continue
		}
		path := strings.TrimRight(parsed.Path, "/")
		if path != "" && path[0] != '/' {
			path = "/" + path
		}
		if !seen[path] {
			seen[path] = true
			p.c.BasePaths = append(p.c.BasePaths, path)
		}
	}
	if len(p.c.BasePaths) == 0 {
		p.c.BasePaths = []string{""}
	}
}

func (p *reader) xSession(n *yaml.Node, ptr string) {
	c := p.c
	c.Undeclared = "ignore"
	if n == nil {
		return
	}
	// Sources first: every evidence names them.
	for _, e := range document.Entries(document.Get(n, "sources")) {
		c.Sources[e.Key] = p.text(e.Node, ptr+"/sources"+value.Pointer(e.Key), "a source")
	}
	if f := document.Get(n, "format"); f == nil {
		p.add("missing-word", n, ptr, "x-session does not say its format", "add format: 1")
	} else if f.Value != "1" {
		p.addf("bad-type", f, ptr+"/format", "write format: 1", "format %q is not known here", f.Value)
	}
	later := map[string]*yaml.Node{}
	keep := func(name string) func(*yaml.Node, string) {
		return func(n *yaml.Node, _ string) { later[name] = n }
	}
	p.fields(n, ptr, "x-session of the document", map[string]func(*yaml.Node, string){
		"format": nil, "sources": nil,
		"settings": p.parseSettings, "profile": keep("profile"), "profiles": keep("profiles"),
		"records": keep("records"), "session": keep("session"), "tokens": keep("tokens"),
		"cookies": p.parseCookies, "let": func(n *yaml.Node, ptr string) { c.Lets = p.lets(n, ptr) },
		"failures": nil, "envelope": p.parseEnvelope,
		"media":      func(n *yaml.Node, ptr string) { c.Media = p.expr(n, ptr) },
		"cors":       p.parseCORS,
		"undeclared": func(n *yaml.Node, ptr string) { c.Undeclared = p.undeclared(n, ptr) },
	})
	for _, word := range []struct {
		name string
		read func(*yaml.Node, string)
	}{{"profiles", p.parseProfiles}, {"profile", p.parseProfile}, {"records", p.parseRecords}, {"session", p.parseSession}, {"tokens", p.parseTokens}} {
		if n := later[word.name]; n != nil {
			word.read(n, ptr+"/"+word.name)
		}
	}
	if c.DefaultProfile == "" && len(c.Profiles) > 0 {
		p.add("missing-word", later["profiles"], ptr+"/profiles", "there are profiles, but profile does not say which is used", "add profile: "+c.Profiles[0].Name)
		c.DefaultProfile = c.Profiles[0].Name
	}
}

func (p *reader) undeclared(n *yaml.Node, ptr string) string {
	if n.Value != "ignore" && n.Value != "refuse" {
		p.addf("bad-type", n, ptr, "write ignore or refuse", "undeclared is %q", n.Value)
		return "ignore"
	}
	return n.Value
}

func (p *reader) parseSettings(n *yaml.Node, ptr string) {
	if n.Kind != yaml.MappingNode {
		p.add("bad-type", n, ptr, "settings is a map of name: {type, default, …}", "")
		return
	}
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		s := &Setting{Name: e.Key, Type: "string"}
		var def *yaml.Node
		var enum []*yaml.Node
		p.fields(e.Node, at, "a setting", map[string]func(*yaml.Node, string){
			"type": func(n *yaml.Node, ptr string) {
				s.Type = p.text(n, ptr, "type")
				switch s.Type {
				case "boolean", "integer", "string", "array", "duration":
				default:
					p.addf("bad-type", n, ptr, didYouMean(s.Type, []string{"boolean", "integer", "string", "array", "duration"}), "a setting has no type %q", s.Type)
					s.Type = "string"
				}
			},
			"default": func(n *yaml.Node, _ string) { def = n },
			"enum":    func(n *yaml.Node, _ string) { enum = list(n) },
			"minimum": func(n *yaml.Node, ptr string) { s.Min = p.integer(n, ptr) },
			"maximum": func(n *yaml.Node, ptr string) { s.Max = p.integer(n, ptr) },
			"secret":  func(n *yaml.Node, ptr string) { s.Secret = p.boolean(n, ptr, "secret") },
			"description": func(n *yaml.Node, ptr string) {
				s.Description = p.text(n, ptr, "description")
			},
			"nullable": func(n *yaml.Node, ptr string) { s.Nullable = p.boolean(n, ptr, "nullable") },
			"items":    nil,
			"evidence": func(n *yaml.Node, ptr string) { s.Evidence = p.evidence(n, ptr) },
		})
		if def == nil {
			p.addf("missing-word", e.KeyAt, at, "add default: …, or default: null", "the setting %s has no default", s.Name)
		} else {
			s.Nullable = s.Nullable || isNull(def)
			v, err := s.Parse(document.Value(def))
			if err != nil {
				p.addf("bad-type", def, at+"/default", "", "%v", err)
			}
			s.Default = v
		}
		for _, n := range enum {
			if isNull(n) {
				s.Nullable = true
				continue
			}
			v, err := s.typed(document.Value(n))
			if err != nil {
				p.addf("bad-type", n, at+"/enum", "", "%v", err)
			}
			s.Enum = append(s.Enum, v)
		}
		if def != nil && s.Default != nil {
			if _, err := s.Parse(s.Default); err != nil {
				p.addf("bad-type", def, at+"/default", "", "%v", err)
			}
		}
		p.wantEvidence(s.Evidence, e.KeyAt, at, "the setting "+s.Name)
		p.c.Settings = append(p.c.Settings, s)
		p.c.settings[s.Name] = s
	}
}

func (p *reader) integer(n *yaml.Node, ptr string) *int {
	i, err := strconv.Atoi(n.Value)
	if err != nil {
		p.addf("bad-type", n, ptr, "", "%q is no whole number", n.Value)
		return nil
	}
	return &i
}

func (p *reader) parseProfiles(n *yaml.Node, ptr string) {
	raw := map[string]map[string]any{}
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		pr := &Profile{Name: e.Key, Settings: map[string]any{}}
		if strings.ContainsAny(e.Key, "+= ,") {
			p.addf("bad-type", e.KeyAt, at, "use letters, digits, dots, - and _", "a profile cannot be called %q", e.Key)
		}
		own := map[string]any{}
		if !isNull(e.Node) {
			p.fields(e.Node, at, "a profile", map[string]func(*yaml.Node, string){
				"description": func(n *yaml.Node, ptr string) { pr.Description = p.text(n, ptr, "description") },
				"extends": func(n *yaml.Node, ptr string) {
					base, ok := raw[n.Value]
					if !ok {
						p.addf("dangling-reference", n, ptr, didYouMean(n.Value, sortedKeys(raw)), "no profile before this one is called %q", n.Value)
					}
					maps.Copy(pr.Settings, base)
				},
				"settings": func(n *yaml.Node, ptr string) {
					for _, s := range document.Entries(n) {
						st := p.c.settings[s.Key]
						if st == nil {
							p.addf("dangling-reference", s.KeyAt, ptr+value.Pointer(s.Key), didYouMean(s.Key, sortedKeys(p.c.settings)), "no setting is called %q", s.Key)
							continue
						}
						v, err := st.Parse(document.Value(s.Node))
						if err != nil {
							p.addf("bad-type", s.Node, ptr+value.Pointer(s.Key), "", "%v", err)
							continue
						}
						own[s.Key] = v
					}
				},
				"evidence": func(n *yaml.Node, ptr string) { pr.Evidence = p.evidence(n, ptr) },
			})
		}
		maps.Copy(pr.Settings, own)
		raw[pr.Name] = pr.Settings
		p.c.Profiles = append(p.c.Profiles, pr)
	}
}

func (p *reader) parseProfile(n *yaml.Node, ptr string) {
	name := p.text(n, ptr, "profile")
	var names []string
	for _, pr := range p.c.Profiles {
		names = append(names, pr.Name)
		if pr.Name == name {
			p.c.DefaultProfile = name
		}
	}
	if p.c.DefaultProfile == "" {
		p.addf("dangling-reference", n, ptr, didYouMean(name, names), "no profile is called %q", name)
	}
}

func (p *reader) parseRecords(n *yaml.Node, ptr string) {
	type pending struct {
		k  *RecordKind
		n  *yaml.Node
		at string
	}
	var all []pending
	for _, e := range document.Entries(n) {
		k := &RecordKind{Name: e.Key, Fields: map[string]Field{}, Indexed: map[string]bool{}}
		p.c.Records = append(p.c.Records, k)
		p.c.records[k.Name] = k
		all = append(all, pending{k, e.Node, ptr + value.Pointer(e.Key)})
	}
	for _, r := range all {
		k := r.k
		p.fields(r.n, r.at, "a kind of record", map[string]func(*yaml.Node, string){
			"schema": func(n *yaml.Node, ptr string) {
				k.Schema, k.Pointer = p.schemaAt(n, ptr)
				if k.Schema == nil {
					return
				}
				for _, prop := range k.Schema.Properties() {
					f := Field{Name: prop.Name, Schema: prop.Schema, Secret: prop.Schema.Format == "password"}
					if ref, ok := prop.Schema.Extensions["x-refers"].(string); ok {
						f.Refers, f.Many = ref, prop.Schema.Is("array")
						if p.c.records[ref] == nil {
							p.addf("dangling-reference", n, ptr, didYouMean(ref, sortedKeys(p.c.records)), "x-refers of %s.%s: no kind of record is called %q", k.Name, f.Name, ref)
							f.Refers = ""
						}
					}
					k.Fields[f.Name] = f
					k.Order = append(k.Order, f.Name)
				}
			},
			"key":   func(n *yaml.Node, ptr string) { k.Key = p.text(n, ptr, "key") },
			"needs": func(n *yaml.Node, ptr string) { k.Needs = p.needs(n, ptr) },
			"locks": func(n *yaml.Node, ptr string) {
				k.Locks = &Locks{}
				p.fields(n, ptr, "locks", map[string]func(*yaml.Node, string){
					"after":    func(n *yaml.Node, ptr string) { k.Locks.After = p.expr(n, ptr) },
					"for":      func(n *yaml.Node, ptr string) { k.Locks.For = p.expr(n, ptr) },
					"evidence": func(n *yaml.Node, ptr string) { k.Locks.Evidence = p.evidence(n, ptr) },
				})
				if k.Locks.After == nil {
					k.Locks = nil
					p.add("missing-word", n, ptr, "locks does not say after how many wrong secrets", "add after: 5")
					return
				}
				p.wantEvidence(k.Locks.Evidence, n, ptr, "the lock")
			},
			"demo":     func(n *yaml.Node, ptr string) { k.Demo = p.demo(n, ptr) },
			"evidence": func(n *yaml.Node, ptr string) { k.Evidence = p.evidence(n, ptr) },
		})
		if k.Schema == nil {
			p.addf("missing-word", r.n, r.at, "add schema: {$ref: …}", "the record %s has no schema", k.Name)
			continue
		}
		if k.Key == "" {
			p.addf("missing-word", r.n, r.at, "add key: "+strings.Join(k.Order, " or "), "the record %s does not say which property names it", k.Name)
			if len(k.Order) > 0 {
				k.Key = k.Order[0]
			}
		} else if _, ok := k.Fields[k.Key]; !ok {
			p.addf("dangling-reference", r.n, r.at+"/key", didYouMean(k.Key, k.Order), "the record %s has no property %q", k.Name, k.Key)
		}
		k.Indexed[k.Key] = true
	}
}

func (p *reader) demo(n *yaml.Node, ptr string) []DemoRecord {
	var out []DemoRecord
	p.each(n, ptr, func(n *yaml.Node, ptr string) {
		d := DemoRecord{Line: n.Line}
		p.fields(n, ptr, "a demo record", map[string]func(*yaml.Node, string){
			"note": func(n *yaml.Node, ptr string) { d.Note = p.text(n, ptr, "note") },
			"value": func(n *yaml.Node, ptr string) {
				m, ok := value.Plain(document.Value(n)).(map[string]any)
				if !ok {
					p.add("bad-type", n, ptr, "value is a map", "")
				}
				d.Value = m
			},
		})
		out = append(out, d)
	})
	return out
}

func (p *reader) parseSession(n *yaml.Node, ptr string) {
	p.fields(n, ptr, "session", map[string]func(*yaml.Node, string){
		"id": func(n *yaml.Node, ptr string) { p.c.Session.ID, _ = p.schemaAt(n, ptr) },
		"holds": func(n *yaml.Node, ptr string) {
			for _, e := range document.Entries(n) {
				f := Fact{Name: e.Key}
				at := ptr + value.Pointer(e.Key)
				if e.Node.Kind == yaml.ScalarNode {
					f.Record = e.Node.Value
					if p.c.records[f.Record] == nil {
						p.addf("dangling-reference", e.Node, at, didYouMean(f.Record, sortedKeys(p.c.records)), "no kind of record is called %q", f.Record)
						continue
					}
				} else {
					f.Schema, _ = p.schemaAt(e.Node, at)
				}
				p.c.Session.Facts = append(p.c.Session.Facts, f)
			}
		},
	})
}

func (p *reader) parseCookies(n *yaml.Node, ptr string) {
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		c := &Cookie{Name: e.Key}
		p.fields(e.Node, at, "a cookie", map[string]func(*yaml.Node, string){
			"path": func(n *yaml.Node, ptr string) {
				c.Path = p.text(n, ptr, "path")
				c.BasePath = c.Path == "base"
			},
			"httpOnly": func(n *yaml.Node, ptr string) { c.HTTPOnly = p.boolean(n, ptr, "httpOnly") },
			"secure": func(n *yaml.Node, ptr string) {
				switch n.Value {
				case "auto":
					c.Secure = "auto"
				case "true":
					c.Secure = "always"
				case "false":
				default:
					p.add("bad-type", n, ptr, "secure is true, false or auto", "")
				}
			},
			"sameSite": func(n *yaml.Node, ptr string) {
				c.SameSite = p.text(n, ptr, "sameSite")
				if c.SameSite != "Lax" && c.SameSite != "Strict" && c.SameSite != "None" {
					p.add("bad-type", n, ptr, "sameSite is Lax, Strict or None", "")
				}
			},
			"age": func(n *yaml.Node, ptr string) {
				if n.Value == "token" {
					c.AgeToken = true
					return
				}
				d, err := parseDuration(n.Value)
				if err != nil {
					p.add("bad-type", n, ptr, "age is token, or a duration such as 20m", "")
					return
				}
				c.Age = &d
			},
			"evidence": func(n *yaml.Node, ptr string) { c.Evidence = p.evidence(n, ptr) },
		})
		p.wantEvidence(c.Evidence, e.KeyAt, at, "the cookie "+c.Name)
		p.c.Cookies[c.Name] = c
	}
}

func (p *reader) lets(n *yaml.Node, ptr string) []*Let {
	var out []*Let
	for _, e := range document.Entries(n) {
		if x := p.expr(e.Node, ptr+value.Pointer(e.Key)); x != nil {
			out = append(out, &Let{e.Key, x})
		}
	}
	return out
}

func (p *reader) parseEnvelope(n *yaml.Node, ptr string) {
	p.fields(n, ptr, "envelope", map[string]func(*yaml.Node, string){
		"refused": func(n *yaml.Node, ptr string) { p.c.Envelope.Refused = p.expr(n, ptr) },
		"code": func(n *yaml.Node, ptr string) {
			p.each(n, ptr, func(n *yaml.Node, ptr string) {
				if l, ok := p.location(n, n.Value, ptr, true); ok {
					p.c.Envelope.Codes = append(p.c.Envelope.Codes, l)
				}
			})
		},
		"status": func(n *yaml.Node, ptr string) { p.c.Envelope.Status = p.expr(n, ptr) },
		"schema": func(n *yaml.Node, ptr string) {
			if ref := document.Get(n, "$ref"); ref != nil {
				p.c.Envelope.Schema = strings.TrimPrefix(ref.Value, "#")
				p.deref(n, ptr)
			} else {
				p.c.Envelope.Schema = ptr
			}
		},
	})
}

func (p *reader) parseCORS(n *yaml.Node, ptr string) {
	c := &CORS{}
	p.fields(n, ptr, "cors", map[string]func(*yaml.Node, string){
		"origins":     func(n *yaml.Node, ptr string) { c.Origins = p.texts(n, ptr, "an origin") },
		"headers":     func(n *yaml.Node, ptr string) { c.Headers = p.texts(n, ptr, "a header") },
		"credentials": func(n *yaml.Node, ptr string) { c.Credentials = p.boolean(n, ptr, "credentials") },
		"evidence":    func(n *yaml.Node, ptr string) { c.Evidence = p.evidence(n, ptr) },
	})
	p.wantEvidence(c.Evidence, n, ptr, "cors")
	p.c.CORS = c
}

// Parse gives a setting's value its type: from YAML, from the command line or
// from JSON. The error says what the setting takes.
func (s *Setting) Parse(x any) (any, error) {
	v, err := s.typed(x)
	if err != nil {
		return nil, err
	}
	if v == nil {
		if !s.Nullable {
			return nil, fmt.Errorf("the setting %s cannot be null", s.Name)
		}
		return nil, nil
	}
	if len(s.Enum) > 0 {
		ok := false
		for _, e := range s.Enum {
			ok = ok || fmt.Sprint(e) == fmt.Sprint(v)
		}
		if !ok {
			return nil, fmt.Errorf("the setting %s is one of %s", s.Name, joinAny(s.Enum))
		}
	}
	if n, ok := v.(int); ok && (s.Min != nil && n < *s.Min || s.Max != nil && n > *s.Max) {
		return nil, fmt.Errorf("the setting %s is out of its range", s.Name)
	}
	if d, ok := v.(time.Duration); ok && d < 0 {
		return nil, fmt.Errorf("the setting %s cannot be negative", s.Name)
	}
	return v, nil
}

func joinAny(list []any) string {
	s := make([]string, len(list))
	for i, e := range list {
		s[i] = fmt.Sprint(e)
	}
	return strings.Join(s, ", ")
}

func (s *Setting) typed(x any) (any, error) {
	if x == nil {
		return nil, nil
	}
	text, isText := value.Text(x)
	wrong := func(form string) error { return fmt.Errorf("the setting %s is %s", s.Name, form) }
	switch s.Type {
	case "boolean":
		if b, ok := x.(bool); ok {
			return b, nil
		}
		if text == "true" || text == "false" {
			return text == "true", nil
		}
		return nil, wrong("true or false")
	case "integer":
		i, err := strconv.Atoi(text)
		if !isText || err != nil {
			return nil, wrong("a whole number")
		}
		return i, nil
	case "duration":
		if d, ok := x.(time.Duration); ok {
			return d, nil
		}
		d, err := parseDuration(text)
		if !isText || err != nil {
			return nil, wrong("a duration such as 20m, 24h or 30d")
		}
		return d, nil
	case "array":
		if l, ok := x.([]any); ok {
			return l, nil
		}
		if isText {
			var out []any
			for e := range strings.SplitSeq(text, ",") {
				if e != "" {
					out = append(out, strings.TrimSpace(e))
				}
			}
			return out, nil
		}
		return nil, wrong("a list")
	}
	if !isText {
		return nil, wrong("a text")
	}
	return text, nil
}

// parseDuration reads Go's durations, and days. A bare number is seconds.
func parseDuration(s string) (time.Duration, error) {
	if d, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(d)
		if err != nil || n > 36500 || n < -36500 {
			return 0, fmt.Errorf("%q is no duration", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n > maxSeconds || n < -maxSeconds {
			return 0, fmt.Errorf("%q is too long", s)
		}
		return time.Duration(n) * time.Second, nil
	}
	return time.ParseDuration(s)
}

// ParseDuration reads a duration as contracts and the control API write it:
// 20m, 24h, 90s, 30d; a bare number is seconds.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }
