package mutant_test

import (
	"bufio"
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/mutant"
	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

// player plays documented exchanges against a mock, and writes down all that
// comes back.
type player struct {
	system   string
	mock     *mutant.Mock
	world    *mockserver.World
	captures fixtures.Captures
	out      strings.Builder
}

func play(mock *mutant.Mock, system string, x fixtures.Exchange) (string, error) {
	name := strings.Trim(strings.ToLower(x.ID), "-")
	name = strings.Trim(name[:min(len(name), 60)], "-")
	w, err := mock.NewWorld(name, false)
	if err != nil {
		return "", err
	}
	defer func() { _ = mock.DeleteWorld(name) }()
	p := &player{system: system, mock: mock, world: w, captures: fixtures.Captures{}}
	w.Clock().Freeze(x.Clock)
	if err := w.SetProfile(system, x.Profile); err != nil {
		return "", err
	}
	if err := w.Set(system, x.Settings); err != nil {
		return "", err
	}
	for _, s := range x.Given {
		if err := p.step(s); err != nil {
			fmt.Fprintln(&p.out, err)
			return p.out.String(), nil
		}
	}
	if _, err := p.call(x.Request); err != nil {
		fmt.Fprintln(&p.out, err)
	}
	return p.out.String(), nil
}

func (p *player) step(s fixtures.Step) error {
	switch {
	case s.Advance != 0:
		p.world.Clock().Advance(s.Advance)
	case s.Settings != nil:
		return p.world.Set(p.system, s.Settings)
	case s.Fail != nil:
		return p.world.Fail(p.system, s.Fail.Operation, s.Fail.Reason, 1)
	case s.Call != nil:
		res, err := p.call(*s.Call)
		if err != nil {
			return err
		}
		for _, c := range s.Capture {
			v, ok := p.capture(res, c.From)
			if !ok {
				return fmt.Errorf("nothing to capture as %s", c.Name)
			}
			p.captures[c.Name] = v
		}
	}
	return nil
}

func (p *player) call(c fixtures.Call) (*httptest.ResponseRecorder, error) {
	host := p.world.Name() + ".localhost"
	p.captures["base"] = "http://" + host
	path, err := p.captures.Text(c.Path)
	if err != nil {
		return nil, err
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", c.Method, path, host)
	typed := false
	for _, f := range c.Headers {
		v, err := p.captures.Text(f.Value)
		if err != nil {
			return nil, err
		}
		typed = typed || strings.EqualFold(f.Name, "Content-Type")
		fmt.Fprintf(&head, "%s: %s\r\n", f.Name, v)
	}
	body, typ, err := p.body(c.Body)
	if err != nil {
		return nil, err
	}
	if typ != "" && !typed {
		fmt.Fprintf(&head, "Content-Type: %s\r\n", typ)
	}
	fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n", len(body))
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head.String() + string(body))))
	if err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	p.mock.ServeHTTP(rec, req)
	fmt.Fprintf(&p.out, "%d\n", rec.Code)
	_ = rec.Header().Write(&p.out)
	p.out.Write(rec.Body.Bytes())
	return rec, nil
}

func (p *player) body(b fixtures.Body) (data []byte, typ string, err error) {
	switch b.Kind {
	case fixtures.JSON:
		v, err := p.captures.Value(b.Value)
		if err != nil {
			return nil, "", err
		}
		data, err := codec.AppendJSON(nil, v)
		return data, "application/json", err
	case fixtures.Form:
		var o value.Object
		for _, f := range b.Fields {
			v, err := p.captures.Text(f.Value)
			if err != nil {
				return nil, "", err
			}
			o = append(o, value.Member{Name: f.Name, Value: v})
		}
		data, err := codec.AppendForm(nil, o)
		return data, "application/x-www-form-urlencoded", err
	case fixtures.Multipart:
		var buf bytes.Buffer
		w := multipart.NewWriter(&buf)
		_ = w.SetBoundary("replayed-part")
		for _, f := range b.Fields {
			v, err := p.captures.Text(f.Value)
			if err != nil {
				return nil, "", err
			}
			_ = w.WriteField(f.Name, v) // a bytes.Buffer takes everything
		}
		_ = w.Close()
		return buf.Bytes(), w.FormDataContentType(), nil
	case fixtures.Text:
		t, err := p.captures.Text(b.Text)
		return []byte(t), "", err
	case fixtures.NoBody:
	}
	return nil, "", nil
}

func (p *player) capture(rec *httptest.ResponseRecorder, from string) (any, bool) {
	if name, ok := strings.CutPrefix(from, "$response.header."); ok {
		v := rec.Header().Get(name)
		return v, v != ""
	}
	if name, ok := strings.CutPrefix(from, "$response.cookie."); ok {
		for _, set := range rec.Header().Values("Set-Cookie") {
			pair, _, _ := strings.Cut(set, ";")
			if k, v, _ := strings.Cut(pair, "="); k == name {
				return v, true
			}
		}
		return nil, false
	}
	tokens, err := value.SplitPointer(from)
	if err != nil {
		return nil, false
	}
	body, err := codec.DecodeJSON(rec.Body.Bytes(), "", codec.DefaultLimits())
	if strings.Contains(rec.Header().Get("Content-Type"), "xml") {
		return nil, false
	}
	if err != nil {
		return nil, false
	}
	return value.Lookup(body, tokens)
}

// The same seed and the same requests give the same bytes, so a mutant is seen
// wherever an answer is not that of the original. Every so many are tried; how
// many the documented exchanges find is printed.
func TestDocumentedExchangesFindMutants(t *testing.T) {
	const every = 41
	for _, name := range specs.Systems() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := specs.System(name)
			if err != nil {
				t.Fatal(err)
			}
			exchanges, err := fixtures.Exchanges(name)
			if err != nil {
				t.Fatal(err)
			}
			list := all(t, c)
			original, err := mutant.Server(list[0].Original(), mockserver.Seed(1))
			if err != nil {
				t.Fatal(err)
			}
			right := make([]string, len(exchanges))
			for i, x := range exchanges {
				if right[i], err = play(original, name, x); err != nil {
					t.Fatal(err)
				}
				if again, _ := play(original, name, x); again != right[i] {
					t.Fatalf("%s is not answered alike twice:\n%s\n%s", x.ID, right[i], again)
				}
			}
			tried, found := map[conformance.Severity]int{}, map[conformance.Severity]int{}
			var missed []string
			for n := 0; n < len(list); n += every {
				m := list[n]
				s, err := mutant.Server(m, mockserver.Seed(1))
				if err != nil {
					t.Fatal(err)
				}
				tried[m.Severity]++
				seen := false
				for i, x := range exchanges {
					got, err := play(s, name, x)
					if err != nil {
						t.Fatal(err)
					}
					if seen = got != right[i]; seen {
						break
					}
				}
				if seen {
					found[m.Severity]++
				} else {
					missed = append(missed, m.Severity.String()+" "+m.Name)
				}
				_ = s.Close()
			}
			t.Logf("%s: the exchanges find %d of %d MUST, %d of %d SHOULD, %d of %d MAY; not\n  %s", name,
				found[conformance.Must], tried[conformance.Must], found[conformance.Should], tried[conformance.Should], found[conformance.May], tried[conformance.May], strings.Join(missed, "\n  "))
			total, hits := 0, 0
			for s := range tried {
				total, hits = total+tried[s], hits+found[s]
			}
			if hits*2 < total {
				t.Errorf("the documented exchanges find %d of %d mutants; less than half of them deviate in anything that is documented", hits, total)
			}
		})
	}
}
