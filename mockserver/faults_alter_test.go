package mockserver_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// readAltered reads an answer as a client does that goes by the rules of HTTP,
// JSON and XML.
func readAltered(r *reply) (any, error) {
	typ, params, err := mime.ParseMediaType(typeOf(r))
	if err != nil {
		return nil, err
	}
	text := bytes.TrimPrefix(r.body, []byte("\ufeff"))
	switch params["charset"] {
	case "utf-16":
		var units []uint16
		for i := 0; i+1 < len(r.body); i += 2 {
			units = append(units, binary.BigEndian.Uint16(r.body[i:]))
		}
		text = []byte(string(utf16.Decode(units[1:])))
	case "iso-8859-1":
		var s []rune
		for _, b := range r.body {
			s = append(s, rune(b))
		}
		text = []byte(string(s))
	}
	if strings.HasSuffix(typ, "json") {
		var v any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		return v, d.Decode(&v)
	}
	doc := etree.NewDocument()
	if i := bytes.Index(text, []byte("?>")); i >= 0 {
		if cs := params["charset"]; cs != "" && !strings.Contains(strings.ToLower(string(text[:i])), `encoding="`+cs+`"`) {
			return nil, fmt.Errorf("the declaration says another charset: %s", text[:i])
		}
		text = text[i+2:]
	}
	if err := doc.ReadFromBytes(text); err != nil {
		return nil, err
	}
	return elementValue(doc.Root()), nil
}

// typeOf is the media type, however its header is spelled.
func typeOf(r *reply) string {
	_, list := values(r.header, "Content-Type")
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// elementValue is an element without regard to the order of others than those
// of one name.
func elementValue(el *etree.Element) any {
	out := map[string]any{}
	for _, a := range el.Attr {
		out["@"+a.Key] = a.Value
	}
	children := el.ChildElements()
	if len(children) == 0 {
		out["text"] = el.Text()
	}
	for _, c := range children {
		list, _ := out[c.Tag].([]any)
		out[c.Tag] = append(list, elementValue(c))
	}
	return out
}

// without takes out what an alteration may add.
func without(v any, unknown, nulls bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if unknown && strings.HasPrefix(k, "unheardOf") || nulls && (x == nil || x == "") {
				continue
			}
			out[k] = without(x, unknown, nulls)
		}
		return out
	case []any:
		out := []any{}
		for _, x := range v {
			out = append(out, without(x, unknown, nulls))
		}
		return out
	}
	return v
}

// Every answer that the examples of a system get, altered in each way, reads the
// same for a client that goes by the rules.
func TestAlteredAnswersMeanTheSame(t *testing.T) {
	t.Parallel()
	ways := slices.DeleteFunc(mockserver.Alterations(), func(a string) bool { return a == "numbers-as-strings" })
	all := [][]string{{"unknown-members", "reversed", "nulls", "spaces", "escapes", "charset=utf-16"}, {"escapes", "spaces", "bom"}, {"reversed", "charset=iso-8859-1"}}
	for _, w := range ways {
		all = append(all, []string{w})
	}
	for _, system := range specs.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			changed := map[string]int{}
			server := newServer(t, mockserver.System(system), mockserver.Seed(1))
			plain := playExamples(t, server, system, nil)
			for _, alter := range all {
				altered := playExamples(t, server, system, alter)
				if len(plain) != len(altered) || len(plain) == 0 {
					t.Fatalf("%d and %d answers", len(plain), len(altered))
				}
				for i, want := range plain {
					got := altered[i]
					if got.status != want.status || len(want.body) == 0 || strings.HasPrefix(typeOf(want), "application/problem") {
						continue
					}
					typ, _, _ := mime.ParseMediaType(typeOf(want))
					if !strings.HasSuffix(typ, "json") && !strings.HasSuffix(typ, "xml") {
						continue
					}
					if !bytes.Equal(want.body, got.body) {
						changed[strings.Join(alter, "+")]++
					}
					a, err := readAltered(want)
					if err != nil {
						t.Fatalf("%s: %v", want.outcome, err)
					}
					b, err := readAltered(got)
					if err != nil {
						t.Fatalf("%s %v: %v\n%s", got.outcome, alter, err, got.body)
					}
					unknown, nulls := slices.Contains(alter, "unknown-members"), slices.Contains(alter, "nulls")
					if a, b := without(a, unknown, nulls), without(b, unknown, nulls); !reflect.DeepEqual(a, b) {
						t.Errorf("%s %v: it means something else:\n%s\n%s", got.outcome, alter, want.body, got.body)
					}
				}
			}
			for _, w := range []string{"reversed", "spaces", "escapes", "bom", "charset=utf-16", "unknown-members"} {
				if changed[w] == 0 {
					t.Errorf("%s changed nothing", w)
				}
			}
		})
	}
}

// playExamples plays the lives of a system's tokens, each up to its use, which
// is altered, as is a second login.
func playExamples(t *testing.T, server *mockserver.Server, system string, alter []string) []*reply {
	t.Helper()
	var out []*reply
	for _, l := range livesOf(t, system) {
		w, err := server.NewWorld("same", false) // the same name gives the same tokens
		if err != nil {
			t.Fatal(err)
		}
		w.Clock().Freeze(midnight)
		s := scriptIn(t, server, system, w)
		s.set(l.Profile, l.Settings)
		s.play(l.Issue)
		s.record = true
		if alter != nil {
			if _, err := w.Lay(mockserver.Fault{Do: "alter", Alter: alter, Times: -1}); err != nil {
				t.Fatal(err)
			}
		}
		for _, st := range append(slices.Clip(l.Use), l.Issue[0]) {
			st.Capture = nil
			if s.one(st); len(l.Use) > 1 {
				break // the next one wants what is captured
			}
		}
		out = append(out, s.seen...)
		if err := server.DeleteWorld("same"); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestTokensThatAreNumbersBecomeTexts(t *testing.T) {
	t.Parallel()
	var seen watcher
	server := newServer(t, mockserver.System("jmap-server"), mockserver.Seed(1), seen.option())
	found := false
	for _, l := range livesOf(t, "jmap-server") {
		for _, alter := range []bool{false, true} {
			s := newScript(t, server, "jmap-server")
			s.loose = true
			s.set(l.Profile, l.Settings)
			if alter {
				if _, err := s.world.Lay(mockserver.Fault{Do: "alter", Alter: []string{"numbers-as-strings"}, Times: -1}); err != nil {
					t.Fatal(err)
				}
			}
			s.play(l.Issue)
			for _, o := range seen.of(s.world) {
				for _, i := range o.Issued {
					number := regexp.MustCompile(`:` + i.Text + `[,}]`).Match(o.AnswerBody)
					text := bytes.Contains(o.AnswerBody, []byte(`"`+i.Text+`"`))
					if !number && !text {
						continue // in XML
					}
					if found = true; number == alter || text != alter {
						t.Errorf("altered: %v, and answered %s", alter, o.AnswerBody)
					}
				}
			}
		}
	}
	if !found {
		t.Error("no token was a number in JSON: nothing was tested")
	}
}

func TestHeaderNamesInLowerCase(t *testing.T) {
	t.Parallel()
	m := mockserver.Start(t, mockserver.System("wedia"))
	if _, err := m.Default().Lay(mockserver.Fault{Do: "alter", Alter: []string{"header-case"}}); err != nil {
		t.Fatal(err)
	}
	all := rawCall(t, m.URL(), "GET /api/rest/whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	head, _, _ := strings.Cut(all, "\r\n\r\n")
	seen := map[string]int{}
	for _, line := range strings.Split(head, "\r\n")[1:] {
		name, _, _ := strings.Cut(line, ":")
		seen[strings.ToLower(name)]++
		if name != strings.ToLower(name) && name != "Content-Length" && name != "Connection" {
			t.Errorf("%s is not in lower case", name)
		}
	}
	for _, name := range []string{"date", "content-type", "content-length"} {
		if seen[name] != 1 {
			t.Errorf("%s is there %d times:\n%s", name, seen[name], head)
		}
	}
}

// The journal masks what an altered answer holds, in whatever letters.
func TestAlteredAnswersAreMaskedInTheJournal(t *testing.T) {
	t.Parallel()
	var seen watcher
	m := mockserver.StartWithoutPort(t, mockserver.System("wedia"), seen.option())
	for _, way := range mockserver.Alterations() {
		w := m.World(t)
		if _, err := w.Lay(mockserver.Fault{Do: "alter", Alter: []string{way}}); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Client().PostForm(w.URL()+"/api/rest/signin", url.Values{"login": {"john.roe"}, "password": {"demo-john"}}); err != nil {
			t.Fatal(err)
		}
		shown := strings.ReplaceAll(w.Journal()[0].Response.Body, "\x00", "")
		issued := seen.of(w)[0].Issued
		if len(issued) == 0 {
			t.Fatal("nothing was issued: nothing was tested")
		}
		for _, i := range issued {
			for _, part := range strings.FieldsFunc(i.Text, func(r rune) bool { return r == '.' || r == '-' || r == '_' }) {
				if len(part) > 12 && strings.Contains(shown, part) {
					t.Errorf("%s: %s is in clear", way, i.Kind)
				}
			}
		}
	}
}
