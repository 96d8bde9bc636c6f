package config

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// What holds for a real server where the file says nothing. It is meant for a
// shared one that nobody asked: a run should not be noticed there.
const (
	// DefaultWrongPasswords is below three in a row, the strictest lock that is
	// common, even if all of them meet one account.
	DefaultWrongPasswords = 2
	// DefaultSessions bounds how many sessions a run opens; each is closed at the
	// end of its case, so that few are open at once.
	DefaultSessions = 500
	// DefaultRequestsPerSecond is what a person with a browser makes.
	DefaultRequestsPerSecond = 20
	// DefaultWait is slept at most, all cases together, if clock is wait.
	DefaultWait = 5 * time.Minute
)

// File is a target file that was read.
type File struct {
	Path     string
	Contract *specs.Contract
	Target   *conformance.Target
	// KnownFile is the file of known failures, or ""; Known is what is in it.
	KnownFile string
	Known     []conformance.KnownCase
	Strict    bool
}

// Load reads a target file. lookupEnv finds the variables that it names; nil:
// os.LookupEnv. Paths in it are relative to its folder.
//
// The error is specs.Findings if the file was read and is wrong: all of it at
// once, each with its line and what would work. Variables that are not set are
// among them.
func Load(path string, lookupEnv func(string) (string, bool)) (*File, error) {
	data, err := document.ReadFile(path)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("the target file %s cannot be read: %w", path, err)
	}
	return Parse(path, data, lookupEnv)
}

// Parse is Load of a file that was read already.
func Parse(path string, data []byte, lookupEnv func(string) (string, bool)) (*File, error) {
	r, err := newReader(path, data, lookupEnv)
	if err != nil {
		return nil, err
	}
	f := r.read()
	if len(r.findings) > 0 {
		sort.SliceStable(r.findings, func(i, j int) bool {
			a, b := r.findings[i], r.findings[j]
			if a.File != b.File {
				return a.File == path // known failures come last
			}
			return a.Line < b.Line
		})
		return nil, r.findings
	}
	return f, nil
}

// LoadKnown reads a file of known failures.
func LoadKnown(path string) ([]conformance.KnownCase, error) {
	data, err := document.ReadFile(path)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("the known failures %s cannot be read: %w", path, err)
	}
	return conformance.ReadKnown(path, data)
}

// reader reads one target file and collects what is wrong.
type reader struct {
	doc      *document.Document
	env      func(string) (string, bool)
	findings specs.Findings
	out      *File
	t        *conformance.Target
	// words, if not nil, collects which words each map has, for the test that
	// compares them with the JSON Schema.
	words map[string][]string
}

func newReader(path string, data []byte, lookupEnv func(string) (string, bool)) (*reader, error) {
	doc, err := document.Parse(path, data)
	if err != nil {
		return nil, err
	}
	if lookupEnv == nil {
		lookupEnv = os.LookupEnv
	}
	r := &reader{doc: doc, env: lookupEnv, t: &conformance.Target{Headers: http.Header{}}}
	r.out = &File{Path: path, Target: r.t}
	return r, nil
}

func (r *reader) add(code string, n *yaml.Node, pointer, fix, format string, args ...any) {
	r.findings = append(r.findings, specs.Finding{Code: code, File: r.doc.Name, Line: n.Line, Pointer: pointer, Message: fmt.Sprintf(format, args...), Fix: fix})
}

type words map[string]func(n *yaml.Node, ptr string)

// fields calls the function for each word of a map, in the order of the file,
// and reports the words that are not among them.
func (r *reader) fields(n *yaml.Node, ptr, what string, known words) {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	sort.Strings(names)
	if r.words != nil {
		r.words[what] = names
	}
	if n.Kind != yaml.MappingNode {
		r.add("bad-type", n, ptr, "write it as a map of: "+strings.Join(names, ", "), "%s is a map", what)
		return
	}
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		f, ok := known[e.Key]
		if !ok {
			r.add("unknown-word", e.KeyAt, at, specs.DidYouMean(e.Key, names), "%s has no word %q", what, e.Key)
			continue
		}
		f(e.Node, at)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func (r *reader) text(n *yaml.Node, ptr, what string) string {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		r.add("bad-type", n, ptr, "", "%s is a text", what)
		return ""
	}
	return n.Value
}

func (r *reader) boolean(n *yaml.Node, ptr, what string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		r.add("bad-type", n, ptr, "", "%s is true or false", what)
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

func (r *reader) texts(n *yaml.Node, ptr, what string) []string {
	if n.Kind != yaml.SequenceNode {
		r.add("bad-type", n, ptr, "write it as [a, b]", "%s is a list", what)
		return nil
	}
	var out []string
	for i, e := range n.Content {
		if s := r.text(document.Follow(e), fmt.Sprintf("%s/%d", ptr, i), "an entry of "+what); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) read() *File {
	root := r.doc.Root
	later := map[string]func(){} // what needs the contract, in its order below
	wait := func(word string, f func(n *yaml.Node, ptr string)) func(*yaml.Node, string) {
		return func(n *yaml.Node, ptr string) { later[word] = func() { f(n, ptr) } }
	}
	r.defaults()
	r.fields(root, "", "a target file", words{
		"contract":     r.contract,
		"url":          r.url,
		"basePath":     r.basePath,
		"profile":      wait("profile", r.profile),
		"settings":     wait("settings", r.settings),
		"accounts":     wait("accounts", r.accounts),
		"capabilities": r.capabilities,
		"budgets":      r.budgets,
		"hosts":        r.hosts,
		"headers":      wait("headers", r.headers),
		"ca":           r.ca,
		"proxy":        r.proxy,
		"control":      r.control,
		"known":        r.known,
		"strict":       func(n *yaml.Node, ptr string) { r.out.Strict = r.boolean(n, ptr, "strict") },
	})
	if root.Kind != yaml.MappingNode {
		return r.out
	}
	for _, need := range []struct{ word, fix string }{
		{"contract", "contract: the name of a shipped system (" + strings.Join(specs.Systems(), ", ") + "), or an OpenAPI file"},
		{"url", "url: https://staging.example.com"},
	} {
		if document.Get(root, need.word) == nil {
			r.add("missing-word", root, "", need.fix, "a target file says %s", need.word)
		}
	}
	if r.out.Contract != nil {
		for _, word := range []string{"profile", "settings", "accounts", "headers"} {
			if f := later[word]; f != nil {
				f()
			}
		}
	}
	return r.out
}

func (r *reader) defaults() {
	r.t.Capabilities.Clock = conformance.ClockNone
	r.t.Budgets = conformance.Budgets{
		WrongPasswords: DefaultWrongPasswords, Sessions: DefaultSessions, RequestsPerSecond: DefaultRequestsPerSecond,
		Wait: DefaultWait, Timeout: conformance.DefaultTimeout,
	}
}

// path is a path of the file, relative to its folder.
func (r *reader) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(r.out.Path), p)
}

func (r *reader) contract(n *yaml.Node, ptr string) {
	name := r.text(n, ptr, "contract")
	if name == "" {
		return
	}
	var err error
	if slices.Contains(specs.Systems(), name) || !strings.ContainsAny(name, `/\.`) {
		r.out.Contract, err = specs.System(name)
	} else {
		r.out.Contract, err = specs.Load(r.path(name))
	}
	if err != nil {
		r.out.Contract = nil
		r.add("bad-value", n, ptr, "a shipped system ("+strings.Join(specs.Systems(), ", ")+"), or the path of an OpenAPI file, beginning with ./", "the contract does not load: %v", err)
	}
}

func (r *reader) url(n *yaml.Node, ptr string) {
	text, _, ok := r.said(n, ptr, "url")
	if !ok {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		r.add("bad-value", n, ptr, "url: https://staging.example.com", "the url is not one that can be called")
	case u.User != nil:
		r.add("clear-secret", n, ptr, "who logs in stands under accounts, what a gateway wants under headers", "the url holds a user")
	case u.RawQuery != "" || u.Fragment != "":
		r.add("bad-value", n, ptr, "leave out what begins with ? or #", "the url is scheme, host and perhaps a path")
	default:
		r.t.URL = u
	}
}

func (r *reader) basePath(n *yaml.Node, ptr string) {
	p := n.Value
	if n.Kind != yaml.ScalarNode || isNull(n) || p != "" && !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "?#") {
		r.add("bad-value", n, ptr, `basePath: /api, or basePath: "" for none`, "a base path begins with /")
		return
	}
	p = strings.TrimRight(p, "/")
	r.t.BasePath = &p
}

func (r *reader) profile(n *yaml.Node, ptr string) {
	name := r.text(n, ptr, "profile")
	if _, err := r.out.Contract.ProfileSettings(name); err != nil {
		r.add("unknown-name", n, ptr, "", "%v", err)
		return
	}
	r.t.Profile = name
}

func (r *reader) settings(n *yaml.Node, ptr string) {
	c := r.out.Contract
	var names []string
	for _, s := range c.Settings {
		names = append(names, s.Name)
	}
	if n.Kind != yaml.MappingNode {
		r.add("bad-type", n, ptr, "write it as {name: value}", "settings is a map")
		return
	}
	r.t.Settings = map[string]any{}
	for _, e := range document.Entries(n) {
		at := ptr + value.Pointer(e.Key)
		s := c.Setting(e.Key)
		if s == nil {
			r.add("unknown-name", e.KeyAt, at, specs.DidYouMean(e.Key, names), "%s has no setting %q", c.Name, e.Key)
			continue
		}
		v, ok := r.resolve(e.Node, at, field{what: "the setting " + s.Name, secret: s.Secret, variable: variable(c.Name, s.Name)})
		if !ok {
			continue
		}
		typed, err := s.Parse(value.Plain(v))
		if err != nil {
			r.add("bad-value", e.Node, at, "", "%v", err)
			continue
		}
		r.t.Settings[s.Name] = typed
	}
}

func (r *reader) capabilities(n *yaml.Node, ptr string) {
	c := &r.t.Capabilities
	r.fields(n, ptr, "capabilities", words{
		"clock": func(n *yaml.Node, ptr string) {
			switch s := r.text(n, ptr, "clock"); s {
			case conformance.ClockNone, conformance.ClockWait:
				c.Clock = s
			case "":
			case conformance.ClockControl:
				r.add("bad-value", n, ptr, "none or wait; the clock of a mock of ours is found without being told", "the clock of a real server cannot be set")
			default:
				r.add("bad-value", n, ptr, "none: nothing that needs time is checked; wait: it is slept, within budgets.wait", "there is no clock %q", s)
			}
		},
		"writes":    func(n *yaml.Node, ptr string) { c.Writes = r.boolean(n, ptr, "writes") },
		"exclusive": func(n *yaml.Node, ptr string) { c.Exclusive = r.boolean(n, ptr, "exclusive") },
		"without":   func(n *yaml.Node, ptr string) { c.Without = r.texts(n, ptr, "without") },
	})
}

func (r *reader) hosts(n *yaml.Node, ptr string) {
	r.t.Hosts = r.texts(n, ptr, "hosts")
	for i, h := range r.t.Hosts {
		if strings.ContainsAny(h, "/@ ?#") {
			r.add("bad-value", n, fmt.Sprintf("%s/%d", ptr, i), "host or host:port, without a scheme or a path", "%q is no host", h)
		}
	}
}

func (r *reader) ca(n *yaml.Node, ptr string) {
	file := r.path(r.text(n, ptr, "ca"))
	if file == "" {
		return
	}
	if _, err := os.Stat(file); err != nil {
		r.add("bad-value", n, ptr, "a file of PEM certificates; its path is relative to this file", "%s cannot be read", file)
		return
	}
	r.t.CA = file
}

func (r *reader) proxy(n *yaml.Node, ptr string) {
	text, _, ok := r.said(n, ptr, "proxy")
	if !ok {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		r.add("bad-value", n, ptr, "proxy: http://proxy.example.com:3128, or {env: HTTPS_PROXY}", "the proxy is no URL of one")
		return
	}
	if _, secret := u.User.Password(); secret && n.Kind == yaml.ScalarNode {
		r.add("clear-secret", n, ptr, "proxy: {env: HTTPS_PROXY}, with the whole URL in the variable", "the password of the proxy stands in clear")
		return
	}
	r.t.Proxy = u
}

func (r *reader) control(n *yaml.Node, ptr string) {
	r.fields(n, ptr, "control", words{
		"url": func(n *yaml.Node, ptr string) {
			if s, _, ok := r.said(n, ptr, "the control API's url"); ok {
				if u, err := url.Parse(s); err != nil || u.Hostname() == "" {
					r.add("bad-value", n, ptr, "http://127.0.0.1:4011/__admin", "the url of the control API is none")
				}
				r.t.Control = s
			}
		},
		"token": func(n *yaml.Node, ptr string) {
			v, ok := r.resolve(n, ptr, field{what: "the control token", secret: true, variable: "MOCKAUTH_ADMIN_TOKEN"})
			if s, isText := v.(string); ok && isText {
				r.t.ControlToken = s
			}
		},
	})
}

func (r *reader) known(n *yaml.Node, ptr string) {
	file := r.path(r.text(n, ptr, "known"))
	if file == "" {
		return
	}
	r.out.KnownFile = file
	known, err := LoadKnown(file)
	var findings specs.Findings
	switch {
	case errors.As(err, &findings):
		r.findings = append(r.findings, findings...)
	case err != nil:
		r.add("bad-value", n, ptr, "a file of known failures; its path is relative to this file", "%v", err)
	}
	r.out.Known = known
}
