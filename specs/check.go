package specs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/document"
)

// check finds what is wrong with a contract that the reader could not see,
// because it takes the whole document: is it OpenAPI, do examples fit their
// schemas, do names and locations exist, can each answer and token be reached.
// It never changes the contract.
func check(c *Contract) Findings {
	k := &checker{c: c, seen: map[string]int{}}
	root := document.Get(c.Doc.Root, "openapi")
	if root == nil {
		return nil // said by the reader; nothing else would make sense
	}
	k.openapi()
	k.schemas()
	k.expressions()
	k.values()
	k.locations()
	k.answers()
	k.failures()
	k.tokens()
	k.records()
	k.names()
	return k.done()
}

// maxFindings bounds what is said of one document. Who has so many has one
// mistake at the bottom of most.
const maxFindings = 1000

// checker collects findings.
type checker struct {
	c     *Contract
	out   []found
	seen  map[string]int // finding without operations -> index in out
	types *typer
}

// found is a finding and the operations in which it was met: the same place,
// an example or a scheme, is used by many.
type found struct {
	Finding
	ops []*Operation
}

func (k *checker) add(op *Operation, code, pointer string, line int, fix, format string, args ...any) {
	f := Finding{Code: code, File: k.c.Doc.Name, Line: line, Pointer: pointer, Message: fmt.Sprintf(format, args...), Fix: fix}
	if f.Line == 0 {
		f.Line = k.c.Doc.Line(pointer)
	}
	key := f.Code + "\x00" + f.Pointer + "\x00" + f.Message
	i, ok := k.seen[key]
	if !ok {
		if len(k.out) >= maxFindings {
			return
		}
		i = len(k.out)
		k.seen[key] = i
		k.out = append(k.out, found{Finding: f})
	}
	if op != nil && !slices.Contains(k.out[i].ops, op) {
		k.out[i].ops = append(k.out[i].ops, op)
	}
}

// full reports whether no more will be said, so that nothing more need be
// looked for.
func (k *checker) full() bool { return len(k.out) >= maxFindings }

// done names the operations where the place alone does not tell.
func (k *checker) done() Findings {
	out := make(Findings, 0, len(k.out))
	for _, f := range k.out {
		own := false
		var names []string
		for _, op := range f.ops {
			own = own || strings.HasPrefix(f.Pointer, op.Pointer)
			names = append(names, op.ID)
		}
		if len(f.ops) > 0 && !own {
			f.Message += " (in " + listed(names) + ")"
		}
		out = append(out, f.Finding)
	}
	return out
}

// once leaves out what is said twice: a reference that leads nowhere is met by
// the reader, by the walk over references and by the schemas.
func (f Findings) once() Findings {
	dangling := map[string]int{} // pointer -> index in out
	out := f[:0:0]
	for _, x := range f {
		if x.Code == "dangling-reference" && strings.HasPrefix(x.Message, "\"") {
			if i, ok := dangling[x.Pointer]; ok {
				if x.Fix != "" {
					out[i] = x
				}
				continue
			}
			dangling[x.Pointer] = len(out)
		}
		out = append(out, x)
	}
	return slices.DeleteFunc(out, func(x Finding) bool {
		_, ok := dangling[x.Pointer]
		return ok && x.Code == "schema-invalid"
	})
}

// listed joins the first of a list of names.
func listed(names []string) string {
	const most = 6
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// hasSessions reports whether the document says anything of sessions.
func (k *checker) hasSessions() bool { return document.Get(k.c.Doc.Root, "x-session") != nil }

// says reports whether the operation has words of its own.
func (k *checker) says(o *Operation) bool {
	return len(document.Entries(document.Get(k.c.Doc.At(o.Pointer), "x-session"))) > 0
}
