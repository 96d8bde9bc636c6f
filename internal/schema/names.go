package schema

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// namesKeyword is what the rewriter writes for `propertyNames`. The library's
// own keeps a slice for the location of its error that later siblings write
// over, so the error may name another place.
const namesKeyword = "mockauth:propertyNames"

// namesVocabulary teaches a compiler namesKeyword.
func namesVocabulary() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{
		URL: namesKeyword,
		Compile: func(ctx *jsonschema.CompilerContext, obj map[string]any) (jsonschema.SchemaExt, error) {
			if _, ok := obj[namesKeyword]; !ok {
				return nil, nil
			}
			return names{ctx.Enqueue([]string{namesKeyword})}, nil
		},
	}
}

type names struct{ schema *jsonschema.Schema }

func (n names) Validate(ctx *jsonschema.ValidatorContext, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	for name := range object {
		err, ok := ctx.Validate(n.schema, name, []string{name}).(*jsonschema.ValidationError) //nolint:errorlint // the library returns nothing else
		if !ok {
			continue
		}
		ctx.AddErr(&jsonschema.ValidationError{
			SchemaURL:        n.schema.Location,
			InstanceLocation: append(slices.Clone(ctx.ValueLocation()), name),
			ErrorKind:        &kind.PropertyNames{Property: name},
			Causes:           []*jsonschema.ValidationError{err},
		})
	}
}
