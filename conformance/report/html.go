package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// HTML writes the whole result as one page that needs nothing else: no network,
// no other file, and no script to be read; the script only filters, copies and
// unfolds.
func HTML(w io.Writer, r *conformance.Result) error { return writeHTML(w, legal(r)) }

func writeHTML(w io.Writer, r *conformance.Result) error {
	t, err := template.New("page").Funcs(template.FuncMap{"long": long}).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("the template of the report: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newPage(r)); err != nil {
		return fmt.Errorf("the result cannot be written as HTML: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// What a page takes of a body. results.json has as much as was kept, and a
// browser that must lay out 50 MB helps nobody.
const (
	bodyOfFailure = 4 << 10
	bodyOfOther   = 1 << 10
	bodiesInAll   = 6 << 20 // then exchanges of cases that did not fail are left out
	openCases     = 3       // failures that are unfolded from the start
	openAll       = 8       // up to so many failures, all are
)

type page struct {
	Policy string
	Style  template.CSS
	Script template.JS

	Title, Conclusion, Class, Symbol, Version, Stamp string
	Counts                                           []count
	Bar                                              []segment
	Brief                                            []string
	Facts                                            []fact
	Alerts                                           []alert
	Doctor                                           []conformance.Check
	Common                                           []common
	Matrix                                           *matrix
	Sections                                         []section
	Operations                                       []conformance.OperationInfo
	Cases                                            int
	Client                                           bool // it is about one
}

type count struct {
	Class, Symbol, Word, N, Meaning, Href string
}

// segment is a part of the bar, in thousandths of its length.
type segment struct {
	Class string
	X, W  float64
}

type alert struct {
	Title string
	Lines []string
}

type common struct {
	Class, Symbol, Href, Text, First, N string
}

type section struct {
	Class, Symbol, Word, Meaning, ID string
	Open                             bool
	N                                string
	Groups                           []groupView
}

// groupView is a case, and folded below it those that say the very same.
type groupView struct {
	caseView

	Rest     []caseView
	RestText string
}

type caseView struct {
	ID, Anchor, Class, Symbol, Weight, Title, Request, Brief string
	Operation, Why, Known, Explain, Replay, Took             string
	Open, Fails                                              bool
	Mismatches                                               []mismatchView
	Rule                                                     ruleView
	Cause                                                    []string
	Labels                                                   []string
	Exchanges                                                []exchangeView
	Dropped                                                  string
}

type mismatchView struct{ In, Pointer, Wanted, Got, Elsewhere string }

type ruleView struct {
	Place, Pointer, Evidence, Level string
	Sources                         []sourceView
}

type sourceView struct{ Before, Link, After string }

type exchangeView struct {
	N                                int
	Purpose, Line, Wanted, Took, Err string
	Status, StatusClass              string
	Request, Response, Curl          string
	Note                             string
	Open                             bool
	// Bare is only its line: what led to a case that passed.
	Bare bool
}

func newPage(r *conformance.Result) page {
	p := page{
		Style: template.CSS(pageStyle), Script: template.JS(pageScript), //nolint:gosec // our own files
		Policy: "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " +
			digest(pageStyle) + "; script-src " + digest(pageScript),
		Title: name(r), Conclusion: conclusion(r), Class: "bad", Symbol: symbol(conformance.Failed),
		Version: shown(r.Version), Stamp: stamp(r.Started), Facts: facts(r),
		Operations: operations(r), Cases: len(r.Verdicts), Client: aboutClient(r),
	}
	switch {
	case r.Conforms() && r.Ran() == 0:
		p.Class, p.Symbol = "none", symbol(conformance.Excluded)
	case r.Conforms():
		p.Class, p.Symbol = "good", symbol(conformance.Passed)
	}
	p.count(r)
	p.brief(r)
	if len(r.Stale) > 0 {
		a := alert{Title: "The list of known failures is stale"}
		for _, s := range r.Stale {
			a.Lines = append(a.Lines, shown(s))
		}
		p.Alerts = append(p.Alerts, a)
	}
	if r.Interrupted {
		p.Alerts = append(p.Alerts, alert{Title: "The run was interrupted", Lines: []string{"What is missing here was not checked."}})
	}
	if n := r.Used.Left; n > 0 {
		p.Alerts = append(p.Alerts, alert{Title: plural(n, "session was", "sessions were") + " left open", Lines: []string{"conform cleanup closes them."}})
	}
	for _, c := range r.Doctor {
		p.Doctor = append(p.Doctor, conformance.Check{Name: shown(c.Name), OK: c.OK, Said: shown(c.Said), Problem: shown(c.Problem)})
	}
	anchors := newAnchors(r.Verdicts)
	list := sames(r)
	for _, m := range commonest(r) {
		v := m.First
		p.Common = append(p.Common, common{
			Class: class(v.Status), Symbol: symbol(v.Status), N: grouped(m.N), Text: m.Text,
			First: shown(v.ID), Href: "#" + anchors[v.ID],
		})
	}
	p.Matrix = newMatrix(r, anchors)
	p.section(r, list, anchors)
	return p
}

func (p *page) count(r *conformance.Result) {
	counts, x := r.Counts(), 0.0
	for _, s := range conformance.Statuses() {
		n := counts[s]
		if n == 0 {
			continue
		}
		p.Counts = append(p.Counts, count{class(s), symbol(s), string(s), grouped(n), meaningFor(r, s), "#" + class(s)})
		w := 1000 * float64(n) / float64(len(r.Verdicts))
		p.Bar = append(p.Bar, segment{class(s), x, w})
		x += w
	}
}

// brief is what is asked first of a run, beside whether it conforms.
func (p *page) brief(r *conformance.Result) {
	for _, s := range []string{covered(r), "in " + duration(r.Seconds), done(r)} {
		if s != "" {
			p.Brief = append(p.Brief, s)
		}
	}
	if r.Profile != "" {
		p.Brief = append([]string{"profile " + shown(r.Profile)}, p.Brief...)
	}
	if r.Filter != "" {
		p.Brief = append(p.Brief, "only "+shown(r.Filter))
	}
}

// section makes a section for each status: what fails first.
func (p *page) section(r *conformance.Result, list []same, anchors map[string]string) {
	byStatus := map[conformance.Status][]groupView{}
	left, placed := bodiesInAll, map[string]bool{}
	for i, x := range list {
		var g groupView
		for j, v := range x.Verdicts {
			c := newCase(r, v, anchors, placed, &left)
			if j > 0 {
				g.Rest = append(g.Rest, c)
				continue
			}
			c.Open = len(list) <= openAll || i < openCases
			g.caseView = c
		}
		if n := x.Others(); n > 0 {
			g.RestText = inOthers(n)
		}
		status := x.Verdicts[0].Status
		byStatus[status] = append(byStatus[status], g)
	}
	counts := r.Counts()
	for _, v := range r.Verdicts {
		if !fails(v.Status) {
			byStatus[v.Status] = append(byStatus[v.Status], groupView{caseView: newCase(r, v, anchors, placed, &left)})
		}
	}
	for _, s := range conformance.Statuses() {
		if groups := byStatus[s]; len(groups) > 0 {
			p.Sections = append(p.Sections, section{
				Class: class(s), Symbol: symbol(s), Word: string(s), Meaning: meaningFor(r, s), ID: class(s),
				Open: fails(s), N: grouped(counts[s]), Groups: groups,
			})
		}
	}
}

func newCase(r *conformance.Result, v conformance.Verdict, anchors map[string]string, placed map[string]bool, left *int) caseView {
	c := caseView{
		ID: shown(v.ID), Class: class(v.Status), Symbol: symbol(v.Status),
		Weight: weight(v).String(), Title: title(v), Request: request(v.Info), Operation: shown(v.Operation),
		Why: why(v), Known: expiry(r, v.Known), Explain: explain(v, r.Again), Replay: replay(v, r.Again), Took: duration(v.Seconds),
		Fails: fails(v.Status), Cause: steps(v), Rule: newRule(v.Rule),
	}
	if a := anchors[v.ID]; !placed[a] {
		placed[a] = true
		c.Anchor = a
	}
	if v.Status != conformance.Passed {
		if s := Line(v); s != c.Title {
			c.Brief = s
		}
	}
	for _, l := range v.Labels {
		c.Labels = append(c.Labels, shown(l))
	}
	for _, m := range v.Mismatches {
		c.Mismatches = append(c.Mismatches, mismatchView{
			or(shown(m.In), "answer"), shown(m.Pointer), block(or(m.Wanted, "nothing")), block(or(m.Got, "nothing")), elsewhere(v, m),
		})
	}
	limit := bodyOfOther
	if c.Fails || v.Status == conformance.Known || v.Status == conformance.Differs {
		limit = bodyOfFailure
	}
	if *left <= 0 && len(v.Exchanges) > 0 {
		c.Dropped = "The page would grow too large: results.json has the exchanges of this case."
		return c
	}
	for i, x := range v.Exchanges {
		e := newExchange(x, i+1, limit)
		if OfClient(v) {
			e.Wanted = "" // nothing was due: it is what came, and the purpose says so
		}
		last := i == len(v.Exchanges)-1
		e.Open = c.Fails && last
		e.Bare = v.Status == conformance.Passed && !last
		if !e.Bare {
			*left -= len(e.Request) + len(e.Response) + len(e.Curl)
		}
		c.Exchanges = append(c.Exchanges, e)
	}
	return c
}

func newRule(r conformance.Rule) ruleView {
	v := ruleView{Place: standsAt(r), Evidence: shown(r.Evidence)}
	if r.File != "" {
		v.Pointer = shown(r.Pointer)
	}
	v.Level, _, _ = strings.Cut(v.Evidence, " ")
	for _, s := range r.Sources {
		s = shown(s)
		l := link(s)
		before, after, found := strings.Cut(s, l)
		if l == "" || !found {
			v.Sources = append(v.Sources, sourceView{Before: s})
			continue
		}
		v.Sources = append(v.Sources, sourceView{before, l, after})
	}
	return v
}

func newExchange(x conformance.Exchange, n, limit int) exchangeView {
	e := exchangeView{
		N: n, Purpose: or(shown(x.Purpose), shown(x.Operation)), Wanted: shown(x.Wanted), Took: took(x),
		Line: strings.TrimSpace(shown(x.Request.Method) + " " + shown(x.Request.URL)), Err: shown(x.Error), Curl: block(x.Curl),
		Status: "no answer", StatusClass: "none",
	}
	request, short := message(x.Request, e.Line, limit)
	e.Request = request
	cut := x.Request.Cut
	if x.Response != nil {
		code := x.Response.Status
		e.Status = strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
		e.StatusClass = fmt.Sprintf("h%d", min(max(code/100, 0), 9))
		var s bool
		e.Response, s = message(*x.Response, e.Status, limit)
		short, cut = short || s, cut || x.Response.Cut
	}
	switch {
	case short:
		e.Note = "Long bodies are cut here; results.json has more of them."
	case cut:
		e.Note = "The body was longer than what is kept of one."
	}
	return e
}

// message is a request or an answer as it is read, and whether its body was cut.
func message(m conformance.Message, first string, limit int) (string, bool) {
	var b strings.Builder
	b.WriteString(first + "\n")
	for _, f := range m.Headers {
		b.WriteString(shown(f.Name) + ": " + shown(f.Value) + "\n")
	}
	body := m.Body
	short := len(body) > limit
	if short {
		body = strings.ToValidUTF8(body[:limit], "")
	}
	if body != "" {
		b.WriteString("\n" + block(body))
	}
	if short || m.Cut {
		b.WriteString("…")
	}
	return b.String(), short
}

// long reports whether a text may need scrolling, and so must be reached by keyboard.
func long(s string) bool { return len(s) > 600 || strings.Count(s, "\n") > 10 }

// class is a status as the name of a class.
func class(s conformance.Status) string { return strings.ReplaceAll(string(s), " ", "-") }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// newAnchors gives each case an anchor that is stable: its id, as far as a
// fragment can hold it.
func newAnchors(verdicts []conformance.Verdict) map[string]string {
	anchors, taken := map[string]string{}, map[string]bool{}
	for _, v := range verdicts {
		if anchors[v.ID] != "" {
			continue // a second case with one id has no anchor of its own
		}
		a := "case-" + strings.Map(func(r rune) rune {
			if r < 0x80 && (r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') {
				return r
			}
			return '-'
		}, clip(v.ID, 200))
		base := a
		for n := 2; taken[a]; n++ {
			a = fmt.Sprintf("%s-%d", base, n)
		}
		taken[a] = true
		anchors[v.ID] = a
	}
	return anchors
}

// operations are those of the contract, and those that only a verdict names.
func operations(r *conformance.Result) []conformance.OperationInfo {
	known := map[string]bool{}
	var list []conformance.OperationInfo
	add := func(o conformance.OperationInfo) {
		if !known[o.ID] {
			known[o.ID] = true
			list = append(list, conformance.OperationInfo{ID: shown(o.ID), Method: shown(o.Method), Path: shown(o.Path), Summary: shown(o.Summary)})
		}
	}
	for _, o := range r.Operations {
		add(o)
	}
	for _, v := range r.Verdicts {
		add(conformance.OperationInfo{ID: v.Operation, Method: v.Method, Path: v.Path})
	}
	return list
}
