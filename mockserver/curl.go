package mockserver

import (
	"fmt"
	"strings"

	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// curl is a line that logs the first demo account in, ready to be pasted: the
// first operation that opens a session from credentials.
func (s *Server) curl(sys *system, root string) string {
	c := sys.contract
	for _, op := range c.Operations {
		if len(op.Opens) == 0 || op.Offered != nil {
			continue
		}
		best, fewest := "", 0
		for _, p := range op.Accepts {
			if !s.base.offers(sys, op, p) {
				continue
			}
			if line := s.curlFor(sys, op, p, root); line != "" && (best == "" || len(p.Binds) < fewest) {
				best, fewest = line, len(p.Binds)
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

func (s *Server) curlFor(sys *system, op *specs.Operation, p *specs.Proof, root string) string {
	c := sys.contract
	body := value.Object{}
	secret := false
	if ex := s.requestExample(c, op); ex != nil {
		if o, ok := ex.(value.Object); ok {
			body = o
		}
	}
	if len(op.Body) == 0 || len(op.Security) > 0 && !op.Anonymous {
		return ""
	}
	// Of the documented request only what no proof reads is kept, such as a type
	// of session: the rest is this account's.
	for _, l := range op.Proves {
		if l.In == specs.InBody {
			body, _ = removeAt(body, l.Tokens).(value.Object)
		}
	}
	for _, b := range p.Binds {
		if b.At.In != specs.InBody || len(b.Alts) == 0 || b.Alts[0].Kind != specs.FindRecord {
			if b.At.In != specs.InBody {
				return ""
			}
			continue
		}
		t := b.Alts[0]
		records := sys.seed.Records(t.Record)
		if len(records) == 0 {
			return ""
		}
		secret = secret || t.Secret
		if v, ok := records[0].Fields[t.Field]; ok && v != nil {
			body, _ = setAt(body, b.At.Tokens, v).(value.Object)
		}
	}
	if !secret {
		return ""
	}
	url := root + c.BasePaths[0] + op.Path
	m := op.Body[0]
	for _, o := range op.Body {
		if wire.IsJSON(o.Type) || o.Type == "application/x-www-form-urlencoded" {
			m = o
			break
		}
	}
	switch {
	case wire.IsJSON(m.Type):
		data, err := codec.AppendJSON(nil, body)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("curl -i -X %s %s -H 'Content-Type: %s' -d %s", op.Method, shell(url), m.Type, shell(string(data)))
	case wire.IsXML(m.Type):
		data, err := codec.AppendXML(nil, body, m.Schema)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("curl -i -X %s %s -H 'Content-Type: %s' -d %s", op.Method, shell(url), m.Type, shell(string(data)))
	}
	var parts []string
	flag := "--data-urlencode"
	if m.Type == "multipart/form-data" {
		flag = "--form-string" // -F reads a file where a value begins with @ or <
	}
	for _, f := range body {
		if t, ok := value.Text(f.Value); ok {
			parts = append(parts, flag+" "+shell(f.Name+"="+t))
		}
	}
	return fmt.Sprintf("curl -i -X %s %s %s", op.Method, shell(url), strings.Join(parts, " "))
}

// requestExample is the first example of the operation's request body.
func (s *Server) requestExample(c *specs.Contract, op *specs.Operation) any {
	for _, m := range op.Body {
		if v, ok := c.RequestExample(m); ok {
			return value.Clone(v)
		}
	}
	return nil
}

func setAt(body any, tokens []string, v any) any {
	if len(tokens) == 0 {
		return v
	}
	o, _ := body.(value.Object)
	cur, _ := o.Get(tokens[0])
	o.Set(tokens[0], setAt(cur, tokens[1:], v))
	return o
}

// removeAt takes a member out, and what is left empty by it.
func removeAt(body any, tokens []string) any {
	o, ok := body.(value.Object)
	if !ok || len(tokens) == 0 {
		return body
	}
	if len(tokens) > 1 {
		if cur, ok := o.Get(tokens[0]); ok {
			inner := removeAt(cur, tokens[1:])
			if x, ok := inner.(value.Object); !ok || len(x) > 0 {
				o.Set(tokens[0], inner)
				return o
			}
		}
	}
	o.Delete(tokens[0])
	return o
}

// offers reports whether a proof exists under the settings of the world.
func (w *World) offers(sys *system, op *specs.Operation, p *specs.Proof) bool {
	st := w.state(sys)
	ok := false
	st.store.Update(func(tx session.Tx) {
		ok = st.machine.Offers(op, p, session.Moment{Now: w.clock.Now(), Tx: tx})
	})
	return ok
}

// shell quotes a text for a POSIX shell.
func shell(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
