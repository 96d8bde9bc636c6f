package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// width is where comments are broken.
const width = 88

// Template returns a commented target file for a contract: what must be said,
// with names of variables for who logs in; and, commented out, what may be said,
// with its default. It loads once the variables are set and the url is mended.
func Template(c *specs.Contract) []byte {
	w := &writer{c: c}
	w.comment("", "Target file for %s: the server under test, who may log in there, and what may be done to it. Secrets never stand in this file: {env: NAME} takes one from a variable, {file: PATH} from a file, whose path is relative to this one.", c.Title)
	w.line("")
	w.line("contract: " + scalar(contractName(c)))
	w.line("")
	w.comment("", "Scheme and host of the server, and whatever stands before the contract's own base path.")
	w.line("url: https://staging.example.com")
	w.line("")
	w.basePath()
	w.profiles()
	w.accounts()
	w.settings()
	w.rest()
	return w.b.Bytes()
}

// contractName is how a target file names a contract.
func contractName(c *specs.Contract) string {
	if slices.Contains(specs.Systems(), c.Name) && c.Doc.Name == c.Name+"/"+specs.ContractFile {
		return c.Name
	}
	if !strings.ContainsAny(c.Doc.Name, `/\`) {
		return "./" + c.Doc.Name
	}
	return c.Doc.Name
}

type writer struct {
	c *specs.Contract
	b bytes.Buffer
}

func (w *writer) line(s string) { w.b.WriteString(strings.TrimRight(s, " ") + "\n") }

// comment writes a text as lines of comment, behind an indent.
func (w *writer) comment(indent, format string, args ...any) {
	line := ""
	for word := range strings.FieldsSeq(fmt.Sprintf(format, args...)) {
		if line != "" && len(indent)+2+len(line)+1+len(word) > width {
			w.line(indent + "# " + line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		w.line(indent + "# " + line)
	}
}

func (w *writer) basePath() {
	if len(w.c.BasePaths) == 0 {
		return
	}
	var others string
	if len(w.c.BasePaths) > 1 {
		var quoted []string
		for _, p := range w.c.BasePaths[1:] {
			quoted = append(quoted, scalar(p))
		}
		others = " It documents these too: " + strings.Join(quoted, ", ") + "."
	}
	w.comment("", "The base path, if it is another than the contract's.%s", others)
	w.line("#basePath: " + scalar(w.c.BasePaths[0]))
	w.line("")
}

func (w *writer) profiles() {
	if len(w.c.Profiles) == 0 {
		return
	}
	w.comment("", "Which version or installation it is. The contract knows:")
	for _, p := range w.c.Profiles {
		w.comment("", "- %s", strings.TrimSuffix(p.Name+": "+p.Description, ": "))
	}
	name := w.c.DefaultProfile
	if name == "" {
		name = w.c.Profiles[0].Name
	}
	w.line("#profile: " + scalar(name))
	w.line("")
}

// login is what a kind of record logs in with: the fields of the first proof
// that compares a secret of it, and those of the others.
type login struct {
	kind  *specs.RecordKind
	first []string
	more  []string
}

func (w *writer) logins() (with, without []login) {
	found := map[string]*login{}
	for _, op := range w.c.Operations {
		for _, p := range proofs(op) {
			fields, secret := map[string][]string{}, map[string]bool{}
			for _, b := range slices.Concat(p.Binds, p.May) {
				for _, t := range b.Alts {
					if t.Kind == specs.FindRecord && t.Field != "" {
						fields[t.Record] = append(fields[t.Record], t.Field)
						secret[t.Record] = secret[t.Record] || t.Secret
						break // another spelling of the same
					}
				}
			}
			for kind, list := range fields {
				l := found[kind]
				if l == nil {
					l = &login{kind: w.c.Record(kind)}
					found[kind] = l
				}
				if secret[kind] && l.first == nil {
					l.first = list
				} else {
					l.more = append(l.more, list...)
				}
			}
		}
	}
	for _, k := range w.c.Records {
		l := found[k.Name]
		if l == nil || l.kind == nil {
			continue
		}
		l.first = unique(l.first, nil)
		l.more = unique(l.more, l.first)
		if l.first != nil {
			with = append(with, *l)
		} else {
			without = append(without, *l)
		}
	}
	return with, without
}

// proofs are all ways to show who calls an operation, those inside others too.
func proofs(op *specs.Operation) []*specs.Proof {
	var out []*specs.Proof
	var walk func(p *specs.Proof)
	walk = func(p *specs.Proof) {
		out = append(out, p)
		for _, a := range p.Also {
			walk(a)
		}
	}
	for _, alt := range op.Security {
		for _, p := range alt {
			walk(p)
		}
	}
	for _, p := range op.Accepts {
		walk(p)
	}
	return out
}

func unique(list, but []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) && !slices.Contains(but, s) {
			out = append(out, s)
		}
	}
	return out
}

func (w *writer) accounts() {
	with, without := w.logins()
	if len(with)+len(without) == 0 {
		return
	}
	w.comment("", "Who may log in, by kind. Fields that are not said are learnt where that can be done. Only secrets must come from a variable; the rest may stand here as it is. Take out the kinds that this server does not have. With two accounts of a kind it is also checked that they are kept apart.")
	mark := "" // what comments the whole section out
	if len(with) == 0 {
		mark = "#"
	}
	w.line(mark + "accounts:")
	for _, l := range with {
		w.line("  " + l.kind.Name + ":")
		w.record("    ", l.kind, 1, l.first)
		for _, f := range l.more {
			w.line("      #" + w.field(l.kind, 1, f))
		}
		if fields := conformance.DecisiveFields(w.c, l.kind.Name); len(fields) > 0 {
			w.comment("      ", "What it may do rests on these; say those that it has, and more is checked: %s", strings.Join(fields, ", "))
		}
		w.record("    #", l.kind, 2, l.first)
	}
	for _, l := range without {
		w.line("  #" + l.kind.Name + ":")
		w.record("  #  ", l.kind, 1, l.more)
	}
	w.referred(slices.Concat(with, without))
	w.line("")
}

// referred shows the kinds that nobody logs in with, and that what an account may do
// hangs on.
func (w *writer) referred(logins []login) {
	var queue []*specs.RecordKind
	shown := map[string]bool{}
	for _, l := range logins {
		queue, shown[l.kind.Name] = append(queue, l.kind), true
	}
	for i := 0; i < len(queue); i++ {
		k := queue[i]
		decisive := conformance.DecisiveFields(w.c, k.Name)
		for _, name := range k.Order {
			f := k.Fields[name]
			to := w.c.Record(f.Refers)
			if to == nil || shown[to.Name] || !slices.Contains(decisive, name) && i < len(logins) {
				continue
			}
			shown[to.Name] = true
			queue = append(queue, to)
			names := "names"
			if f.Many {
				names = "lists"
			}
			w.comment("  ", "What %s.%s %s, by %s:", k.Name, name, names, to.Key)
			w.line("  #" + to.Name + ":")
			dash := "- "
			for _, name := range to.Order {
				if f := to.Fields[name]; !f.Secret {
					w.line("  #  " + dash + scalar(name) + ": " + w.sample(f))
					dash = "  "
				}
			}
		}
	}
}

// sample is a value that a field may have, as YAML: the key of the record that it
// names, or one that its schema allows.
func (w *writer) sample(f specs.Field) string {
	node := f.Schema
	if k := w.c.Record(f.Refers); k != nil {
		node = k.Fields[k.Key].Schema
	}
	v, err := schema.Generate(node, rand.New(rand.NewPCG(1, 1))) //nolint:gosec // the same in each template
	if err != nil {
		v = "…"
	}
	if f.Many {
		v = []any{v}
	}
	text, err := json.Marshal(value.Plain(v))
	if err != nil {
		return scalar("…")
	}
	return string(text)
}

func (w *writer) record(indent string, k *specs.RecordKind, number int, fields []string) {
	dash := "- "
	for _, f := range fields {
		w.line(indent + dash + w.field(k, number, f))
		dash = "  "
	}
}

func (w *writer) field(k *specs.RecordKind, number int, name string) string {
	words := []string{w.c.Name, k.Name}
	if number > 1 {
		words = append(words, fmt.Sprint(number))
	}
	return fmt.Sprintf("%s: {env: %s}", scalar(name), variable(append(words, name)...))
}

func (w *writer) settings() {
	if len(w.c.Settings) == 0 {
		return
	}
	w.comment("", "How the server is configured, where it differs from its profile. What is shown is the contract's default.")
	w.line("#settings:")
	for _, s := range w.c.Settings {
		about := s.Description
		if len(s.Enum) > 0 {
			var all []string
			for _, e := range s.Enum {
				all = append(all, fmt.Sprint(e))
			}
			about = strings.TrimSpace(strings.TrimRight(about, ". ") + " (" + strings.Join(all, ", ") + ")")
		}
		if about != "" {
			w.comment("#", " %s", about)
		}
		if s.Secret {
			w.line("#  " + scalar(s.Name) + ": {env: " + variable(w.c.Name, s.Name) + "}")
			continue
		}
		w.line("#  " + scalar(s.Name) + ": " + scalar(s.Default))
	}
	w.line("")
}

func (w *writer) rest() {
	w.comment("", "What the server can do, or lets be done to it.")
	w.line("#capabilities:")
	for _, x := range [][2]string{
		{"clock: none", "none: what needs time to pass is not checked. wait: it is slept, within budgets.wait"},
		{"writes: false", "true: records may be created and changed"},
		{"exclusive: false", "true: the accounts belong to the run alone, so that all their sessions may be ended"},
		{"without: []", "ids of cases, or their beginnings, and labels that the server does not have"},
	} {
		w.comment("#", " %s", x[1])
		w.line("#  " + x[0])
	}
	w.line("")
	w.comment("", "What a run may do at most. The wrong passwords are below three, with which the strictest common locks begin, even if one account gets them all.")
	w.line("#budgets:")
	for _, l := range limits() {
		w.line("#  " + l)
	}
	w.line("")
	for _, x := range [][2]string{
		{"Hosts that may be called beside that of the url: host or host:port.", "hosts: []"},
		{"Header fields for a gateway before the server, sent with each request.", "headers: {X-Gateway: {env: " + variable(w.c.Name, "gateway") + "}}"},
		{"Certificates in PEM that are trusted beside the system's.", "ca: ca.pem"},
		{"The proxy through which the server is reached. Variables such as HTTPS_PROXY are only looked at if they are named.", "proxy: {env: HTTPS_PROXY}"},
		{"Cases that may fail, each with its reason.", "known: known-failures.yaml"},
		{"Whether a SHOULD fails the run.", "strict: false"},
	} {
		w.comment("", "%s", x[0])
		w.line("#" + x[1])
	}
}

// scalar writes a value as YAML in one line.
func scalar(x any) string {
	if d, ok := x.(time.Duration); ok {
		return short(d)
	}
	n := &yaml.Node{}
	if err := n.Encode(x); err != nil {
		return fmt.Sprint(x)
	}
	flow(n)
	b, err := yaml.Marshal(n)
	if s := strings.TrimSuffix(string(b), "\n"); err == nil && !strings.Contains(s, "\n") {
		return s
	}
	j, err := json.Marshal(x) // YAML breaks long texts; JSON is YAML too
	if err != nil {
		return fmt.Sprint(x)
	}
	return string(j)
}

func flow(n *yaml.Node) {
	n.Style |= yaml.FlowStyle
	for _, e := range n.Content {
		flow(e)
	}
}

// short writes a duration without its zeros: 20m, not 20m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
