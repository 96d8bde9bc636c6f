package schema

import (
	"cmp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/mockauth/mockauth/internal/value"
)

// Finding is one thing that is wrong with a value.
type Finding struct {
	Pointer string // JSON pointer in the value; of the missing member itself if one is missing
	Keyword string // of JSON Schema, that the value does not fit
	Message string // what is wanted and what kind of thing came; never the value
}

// leaf is a finding on its way out, with what choosing a branch needs of it.
type leaf struct {
	Finding
	depth int
	// types is what a failed `type` wants; nil for any other keyword.
	types []string
	got   string
	// fixed: a member had to have one certain value, as the member that tells
	// alternatives apart has.
	fixed bool
	// uneval: from unevaluatedProperties or unevaluatedItems.
	uneval bool
}

// flatten lists the leaves of the library's tree of errors.
func flatten(err *jsonschema.ValidationError) []Finding {
	leaves := collect(nil, err)
	out := make([]Finding, 0, len(leaves))
	for _, l := range leaves {
		if !l.uneval || !overshadowed(l, leaves) {
			out = append(out, l.Finding)
		}
	}
	return tidy(out)
}

// overshadowed reports whether something else is wrong in the object or array
// whose member l says is unknown. A branch of allOf that fails makes all its
// members count as unknown; to say so of each would hide the one that is wrong.
func overshadowed(l leaf, leaves []leaf) bool {
	parent := l.Pointer[:strings.LastIndexByte(l.Pointer, '/')]
	return slices.ContainsFunc(leaves, func(o leaf) bool {
		return !o.uneval && (o.Pointer == parent || strings.HasPrefix(o.Pointer, parent+"/"))
	})
}

// tidy orders findings, and drops those that stand twice because two schemas
// of an allOf say the same.
func tidy(fs []Finding) []Finding {
	slices.SortFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Keyword, b.Keyword), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(fs)
}

func collect(out []leaf, err *jsonschema.ValidationError) []leaf {
	switch k := err.ErrorKind.(type) {
	case *kind.OneOf:
		if len(k.Subschemas) == 0 && len(err.Causes) > 0 {
			return append(out, closest(err)...)
		}
	case *kind.AnyOf:
		if len(err.Causes) > 0 {
			return append(out, closest(err)...)
		}
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		for _, c := range err.Causes {
			out = collect(out, c)
		}
		return out
	case *kind.PropertyNames:
		return append(out, badName(err))
	case *kind.Required:
		return members(out, err, k.Missing, "required", "is required")
	case *kind.DependentRequired:
		return members(out, err, k.Missing, "dependentRequired", "is required where "+quote(k.Prop)+" is present")
	case *kind.AdditionalProperties:
		return members(out, err, k.Properties, "additionalProperties", "is not a known property")
	}
	return append(out, single(err))
}

// members makes a leaf for each named member of the object at fault.
func members(out []leaf, err *jsonschema.ValidationError, names []string, keyword, message string) []leaf {
	at := value.Pointer(err.InstanceLocation...)
	for _, name := range names {
		out = append(out, leaf{
			Finding: Finding{at + value.Pointer(name), keyword, message},
			depth:   len(err.InstanceLocation) + 1,
		})
	}
	return out
}

// closest returns the leaves of the alternative that the value came closest
// to. One that is for another type, or whose member with a certain value has
// another, was not meant; then the fewest findings count, then the deepest.
func closest(err *jsonschema.ValidationError) []leaf {
	depth := len(err.InstanceLocation)
	type branch struct {
		leaves                 []leaf
		wrongType, fixed, deep int
	}
	branches := make([]branch, len(err.Causes))
	for i, c := range err.Causes {
		b := branch{leaves: collect(nil, c)}
		for _, l := range b.leaves {
			if l.types != nil && l.depth == depth {
				b.wrongType = 1
			}
			if l.fixed {
				b.fixed++
			}
			b.deep = max(b.deep, l.depth)
		}
		branches[i] = b
	}
	best := slices.MinFunc(branches, func(a, b branch) int {
		return cmp.Or(
			cmp.Compare(a.wrongType, b.wrongType),
			cmp.Compare(a.fixed, b.fixed),
			cmp.Compare(len(a.leaves), len(b.leaves)),
			cmp.Compare(b.deep, a.deep),
		)
	})
	if best.wrongType == 0 {
		return best.leaves
	}
	// Every alternative is for another type: all of them are wanted.
	var types []string
	var got leaf
	for _, b := range branches {
		for _, l := range b.leaves {
			if l.types != nil && l.depth == depth {
				types = append(types, l.types...)
				got = l
			}
		}
	}
	return []leaf{typeLeaf(err.InstanceLocation, types, got.got)}
}
