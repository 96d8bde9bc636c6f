package specs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/internal/document"
)

// answers checks that each answer is a documented response, and can be reached.
func (k *checker) answers() {
	for _, op := range k.c.Operations {
		if k.says(op) && document.Get(document.Get(k.c.Doc.At(op.Pointer), "x-session"), "answers") == nil && !slices.ContainsFunc(op.Answers, func(a *Answer) bool { return strings.Contains(a.Pointer, "/x-session/") }) {
			k.add(op, "missing-word", op.Pointer+"/x-session", 0, "add answers: [{status: 200, example: …, evidence: …}]", "the operation %s does not say what it answers", op.ID)
		}
		var before []*Expr
		certain := ""
		for _, a := range op.Answers {
			if !strings.Contains(a.Pointer, "/x-session/") {
				continue // what OpenAPI alone says, put there by the reader
			}
			k.declared(op, a)
			k.reached(op, a.When, a.Pointer, a.Line, "answer", &certain, &before)
		}
	}
	k.eachEntryList(func(op *Operation, list []*FailureEntry) {
		var before []*Expr
		certain := ""
		for _, f := range list {
			k.reached(op, f.When, f.Pointer, f.Line, "entry", &certain, &before)
		}
	})
}

// reached reports what no condition leads to: what stands behind an entry
// without a condition, behind one with the same, or has one that is never true.
func (k *checker) reached(op *Operation, when *Expr, ptr string, line int, noun string, certain *string, before *[]*Expr) {
	switch {
	case *certain != "":
		k.add(op, "answer-unreachable", ptr, line, "put the one without a condition last", "nothing comes to this %s: the one in line %s always applies", noun, *certain)
		return
	case when == nil || strings.TrimSpace(when.Src) == "true":
		*certain = strconv.Itoa(line)
		return
	case strings.TrimSpace(when.Src) == "false":
		k.add(op, "answer-unreachable", when.Pointer, when.Line, "remove it", "nothing comes to this %s: its condition is false", noun)
		return
	}
	for _, b := range *before {
		if strings.Join(strings.Fields(b.Src), " ") == strings.Join(strings.Fields(when.Src), " ") {
			k.add(op, "answer-unreachable", when.Pointer, when.Line, "give it a condition of its own", "nothing comes to this %s: line %d has the same condition", noun, b.Line)
			return
		}
	}
	*before = append(*before, when)
}

// eachEntryList visits the entries of each reason of each table.
func (k *checker) eachEntryList(f func(op *Operation, list []*FailureEntry)) {
	table := func(op *Operation, t FailureTable) {
		for _, reason := range sortedKeys(t) {
			f(op, t[reason])
		}
	}
	table(nil, k.c.Failures)
	for _, t := range k.c.Tokens {
		table(nil, t.Failures)
	}
	for _, op := range k.c.Operations {
		table(op, op.Failures)
	}
}

// declared reports an answer that the document does not show.
func (k *checker) declared(op *Operation, a *Answer) {
	var codes []string
	for _, r := range op.Responses {
		codes = append(codes, r.Code)
	}
	for _, n := range k.statuses(a.Status) {
		if n < 100 || n > 599 {
			continue
		}
		r := op.Response(n)
		if r == nil {
			k.add(op, "answer-undeclared", a.Pointer+"/status", a.Status.Line, "add it to responses, which has "+orNone(codes), "the operation %s has no response %d", op.ID, n)
			continue
		}
		if a.Example == nil {
			continue
		}
		var shown []string
		ok := false
		for _, m := range r.Media {
			shown = append(shown, m.Examples...)
			ok = ok || slices.Contains(m.Examples, a.Example.Name)
		}
		if !ok && k.exampleElsewhere(op, a, r) {
			ok = true
		}
		if !ok {
			fix := fmt.Sprintf("add it under examples there: %s: {$ref: \"#/components/examples/%s\"}", a.Example.Name, a.Example.Name)
			if d := nearest(a.Example.Name, shown); d != "" {
				fix = fmt.Sprintf("did you mean %q?", d)
			}
			k.add(op, "answer-undeclared", a.Pointer+"/example", a.Line, fix, "the response %s of %s does not show the example %q", r.Code, op.ID, a.Example.Name)
		}
	}
}

// exampleElsewhere reports whether the status is one of several that a setting
// chooses from, and another of them shows the example.
func (k *checker) exampleElsewhere(op *Operation, a *Answer, not *Response) bool {
	for _, r := range k.responsesFor(op, a.Status) {
		if r == not {
			continue
		}
		for _, m := range r.Media {
			if slices.Contains(m.Examples, a.Example.Name) {
				return true
			}
		}
	}
	return false
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
