// Package weight says what the demands of a contract rest on. The cases of a
// suite and the mutants that they must notice ask the same functions, so that
// nobody demands what nobody breaks.
package weight

import (
	"maps"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// LawPrefix begins what is said of a law in the place of evidence: it is none.
const LawPrefix = "law: "

// Law is the weight of what holds for every contract, and need not be said in
// one: as much as what is documented.
func Law(says string) specs.Mark {
	return specs.Mark{Level: specs.Documented, Reason: LawPrefix + says}
}

// Unsaid is the weight of what no source says.
func Unsaid(why string) specs.Mark { return specs.Mark{Level: specs.Inferred, Reason: why} }

// AtMostObserved is a mark that weighs no more than a SHOULD: a documented example
// has something, but nothing demands it. why says so.
func AtMostObserved(m specs.Mark, why string) specs.Mark {
	if m.Level > specs.Observed {
		m.Level, m.Reason = specs.Observed, why
	}
	return m
}

// Weakest is the mark that decides: a chain holds as much as its weakest link.
// Nothing at all is inferred.
func Weakest(marks []specs.Mark) specs.Mark {
	return first(marks, func(a, b specs.Level) bool { return a < b })
}

// Strongest is the best of several marks, any of which would do.
func Strongest(marks []specs.Mark) specs.Mark {
	return first(marks, func(a, b specs.Level) bool { return a > b })
}

func first(marks []specs.Mark, better func(a, b specs.Level) bool) specs.Mark {
	if len(marks) == 0 {
		return Unsaid("no source says it")
	}
	out := marks[0]
	for _, x := range marks[1:] {
		if better(x.Level, out.Level) {
			out = x
		}
	}
	return out
}

// At is what a part of a fact rests on: the location, if it is named, else the
// general part. Evidence is never inherited from a location above, but what is in
// a member rests on no more than that the member is there.
func At(e specs.Evidence, at specs.Location, general string) specs.Mark {
	if x, ok := e.Parts[at.Src]; ok {
		return x
	}
	out := e.Part(general)
	if at.In == specs.InBody {
		for n := len(at.Tokens) - 1; n > 0; n-- {
			if x, ok := e.Parts[value.Pointer(at.Tokens[:n]...)]; ok && x.Level < out.Level {
				out = x
			}
		}
	}
	return out
}

// Accepts is what it rests on that a request is answered so, and not refused: the
// best part of the documented answer.
func Accepts(e specs.Evidence) specs.Mark {
	var marks []specs.Mark
	if e.Whole != nil {
		marks = append(marks, *e.Whole)
	}
	for _, part := range slices.Sorted(maps.Keys(e.Parts)) {
		marks = append(marks, e.Parts[part])
	}
	return Strongest(marks)
}

// Works is the mark of the best answer of an operation: what it rests on that it
// works at all.
func Works(op *specs.Operation) specs.Mark {
	marks := make([]specs.Mark, 0, len(op.Answers))
	for _, a := range op.Answers {
		marks = append(marks, Accepts(a.Evidence))
	}
	return Strongest(marks)
}

// Never is the law that forbids an operation to accept what a reason refuses: a
// secret that is wrong, a token that is none, or is dead. It reports false if
// there is none: who may come without a token comes in with a bad one, too, and
// not because of it. by is the proof that is not fulfilled, or nil.
func Never(op *specs.Operation, by *specs.Proof, reason string) (specs.Mark, bool) {
	kind, rest, _ := strings.Cut(reason, ".")
	if by != nil && by.Optional || kind == "token" && op != nil && op.Anonymous {
		return specs.Mark{}, false
	}
	what, _, _ := strings.Cut(rest, ".")
	switch {
	case kind == "credentials" && (what == "wrong" || what == "unknown"):
		return Law("a secret that is wrong or not known is never accepted"), true
	case kind != "token":
	case what == "malformed", what == "unknown", what == "forged":
		return Law("a token that was never issued is never accepted"), true
	case what == "expired", what == "revoked", what == "consumed", what == "replaced":
		return Law("a dead token is never accepted"), true
	}
	return specs.Mark{}, false
}

// Refused is what it rests on that an operation refuses a request for a reason:
// the law, if there is one, or else the entry that answers it. Of the proof that
// is not fulfilled a law asks only that it is no guess: that a credential stands
// there at all. proof is what that rests on, nil: there is none.
func Refused(op *specs.Operation, by *specs.Proof, reason string, entry specs.Mark, proof *specs.Mark) []specs.Mark {
	law, ok := Never(op, by, reason)
	switch {
	case ok && proof != nil && proof.Level == specs.Inferred:
		return []specs.Mark{law, *proof}
	case ok:
		return []specs.Mark{law}
	case proof != nil:
		return []specs.Mark{entry, *proof}
	}
	return []specs.Mark{entry}
}

// Attribute is what an attribute of a cookie rests on.
func Attribute(k *specs.Cookie, part string) specs.Mark { return k.Evidence.Part(part) }
