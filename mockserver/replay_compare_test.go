package mockserver_test

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/value"
)

// values returns the values of a header, and how its name is spelled.
func values(h http.Header, name string) (spelled string, list []string) {
	for k, v := range h {
		if strings.EqualFold(k, name) && len(v) > 0 {
			spelled, list = k, append(list, v...)
		}
	}
	return spelled, list
}

func (r *replay) compareHeaders() {
	for _, w := range r.x.Answer.Headers {
		spelled, have := values(r.got.header, w.Name)
		if len(have) == 0 {
			r.fail("header %s is not there, want %q", w.Name, w.Values)
			continue
		}
		// Names are compared without regard to case (RFC 9110), but one that is
		// documented in an odd spelling must be sent in it: a client looks for it.
		if spelled != w.Name && http.CanonicalHeaderKey(w.Name) != w.Name {
			r.fail("header %s is spelled %s", w.Name, spelled)
		}
		if len(have) != len(w.Values) {
			r.fail("header %s has %d values, want %d: have %q", w.Name, len(have), len(w.Values), have)
			continue
		}
		for i, v := range w.Values {
			if err := r.captures.Match(v, have[i]); err != nil {
				r.fail("header %s %v", w.Name, err)
			}
		}
	}
	// A cookie changes what the client sends next, so none comes unasked for.
	if _, set := values(r.got.header, "Set-Cookie"); len(set) > 0 && !r.names("Set-Cookie") {
		r.fail("header Set-Cookie is not wanted, and is %q", set)
	}
	if typ := r.got.header.Get("Content-Type"); r.x.Answer.Body.Kind == fixtures.JSON && !r.names("Content-Type") && !isJSON(typ) {
		r.fail("header Content-Type is %q, and the body is JSON", typ)
	}
	for _, name := range r.x.Answer.Absent {
		if _, have := values(r.got.header, name); len(have) > 0 {
			r.fail("header %s must not be there, and is %q", name, have)
		}
	}
}

// names reports whether the exchange says what a header must be.
func (r *replay) names(header string) bool {
	for _, w := range r.x.Answer.Headers {
		if strings.EqualFold(w.Name, header) {
			return true
		}
	}
	return false
}

func isJSON(typ string) bool {
	typ, _, _ = strings.Cut(typ, ";")
	return typ == "application/json" || strings.HasSuffix(typ, "+json")
}

func (r *replay) compareBody() {
	want := r.x.Answer.Body
	switch want.Kind {
	case fixtures.NoBody:
		if len(r.got.body) > 0 {
			r.fail("the body must be empty, and is %s", r.got.body)
		}
	case fixtures.JSON:
		if isXML(r.got.header) {
			r.fail("the body must be JSON, and is %s", r.got.body)
			return
		}
		have, err := codec.DecodeJSON(r.got.body, "", codec.DefaultLimits())
		if err != nil {
			r.fail("the body is no JSON: %v: %q", err, r.got.body)
			return
		}
		r.compareValue("", want.Value, have)
	default:
		if !strings.HasPrefix(strings.TrimSpace(want.Text), "<") {
			if err := r.captures.Match(want.Text, string(r.got.body)); err != nil {
				r.fail("the body %v", err)
			}
			return
		}
		a, err := parseXML(want.Text)
		if err != nil {
			r.fail("the body that the exchange wants is no XML: %v", err)
			return
		}
		b, err := parseXML(string(r.got.body))
		if err != nil {
			r.fail("the body is no XML: %v: %q", err, r.got.body)
			return
		}
		r.compareXML("/"+a.name, a, b)
	}
}

// compareValue compares JSON: every member and no other, types, numbers digit
// for digit.
func (r *replay) compareValue(at string, want, have any) {
	where := at
	if where == "" {
		where = "the body"
	}
	switch w := want.(type) {
	case value.Object:
		h, ok := have.(map[string]any)
		if !ok {
			r.fail("%s is %s, want an object", where, fixtures.Show(have))
			return
		}
		for _, m := range w {
			v, ok := h[m.Name]
			if !ok {
				r.fail("%s is missing, want %s", at+value.Pointer(m.Name), fixtures.Show(m.Value))
				continue
			}
			r.compareValue(at+value.Pointer(m.Name), m.Value, v)
		}
		var more []string
		for k := range h {
			if _, ok := w.Get(k); !ok {
				more = append(more, k)
			}
		}
		sort.Strings(more)
		for _, k := range more {
			r.fail("%s is not wanted, and is %s", at+value.Pointer(k), fixtures.Show(h[k]))
		}
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			r.fail("%s is %s, want a list of %d", where, fixtures.Show(have), len(w))
			return
		}
		for i := range w {
			r.compareValue(fmt.Sprintf("%s/%d", at, i), w[i], h[i])
		}
	case string:
		if err := r.captures.Match(w, have); err != nil {
			r.fail("%s %v", where, err)
		}
	default:
		if want != have {
			r.fail("%s is %s, want %s", where, fixtures.Show(have), fixtures.Show(want))
		}
	}
}

// element is an XML element: its name as written, attributes, children, and
// the text between them.
type element struct {
	name     string
	attrs    map[string]string
	children []*element
	text     string
}

func parseXML(text string) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	root := &element{}
	open := []*element{root}
	for {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &element{name: xmlName(tok.Name), attrs: map[string]string{}}
			for _, a := range tok.Attr {
				e.attrs[xmlName(a.Name)] = a.Value
			}
			top.children = append(top.children, e)
			open = append(open, e)
		case xml.EndElement:
			if len(open) == 1 || top.name != xmlName(tok.Name) {
				return nil, fmt.Errorf("</%s> closes nothing", xmlName(tok.Name))
			}
			open = open[:len(open)-1]
		case xml.CharData:
			top.text += string(tok)
		}
	}
	if len(open) != 1 || len(root.children) != 1 || strings.TrimSpace(root.text) != "" {
		return nil, errors.New("it is not one element")
	}
	return root.children[0], nil
}

func xmlName(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

// compareXML compares elements: names, attributes, order and text. White space
// between elements is layout.
func (r *replay) compareXML(at string, want, have *element) {
	if want.name != have.name {
		r.fail("%s is <%s>, want <%s>", at, have.name, want.name)
		return
	}
	for k, w := range want.attrs {
		h, ok := have.attrs[k]
		if !ok {
			r.fail("%s has no attribute %s, want %q", at, k, w)
		} else if err := r.captures.Match(w, h); err != nil {
			r.fail("%s/@%s %v", at, k, err)
		}
	}
	for k, h := range have.attrs {
		if _, ok := want.attrs[k]; !ok {
			r.fail("%s has the attribute %s=%q, which is not wanted", at, k, h)
		}
	}
	wantText, haveText := want.text, have.text
	if len(want.children) > 0 {
		wantText = strings.TrimSpace(wantText)
	}
	if len(have.children) > 0 {
		haveText = strings.TrimSpace(haveText)
	}
	if err := r.captures.Match(wantText, haveText); err != nil {
		r.fail("%s %v", at, err)
	}
	names := func(list []*element) string {
		s := make([]string, len(list))
		for i, e := range list {
			s[i] = e.name
		}
		return strings.Join(s, " ")
	}
	if a, b := names(want.children), names(have.children); a != b {
		r.fail("%s holds [%s], want [%s]", at, b, a)
		return
	}
	seen := map[string]int{}
	for i, w := range want.children {
		seen[w.name]++
		r.compareXML(fmt.Sprintf("%s/%s[%d]", at, w.name, seen[w.name]), w, have.children[i])
	}
}

func (r *replay) compareToken(j fixtures.JWT) {
	v, err := r.at(j.At)
	if err != nil {
		r.fail("token at %s: %v", j.At, err)
		return
	}
	text, _ := value.Text(v)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		r.fail("%s is no JSON Web Token: %q", j.At, text)
		return
	}
	for i, want := range []string{j.Header, j.Claims} {
		what := []string{"header", "claims"}[i]
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			r.fail("the %s of the token at %s is no base64url: %v", what, j.At, err)
			continue
		}
		if err := r.captures.Match(want, string(raw)); err != nil {
			r.fail("the %s of the token at %s: the text %v", what, j.At, err)
		}
	}
}
