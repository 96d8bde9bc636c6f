package admin

import (
	"context"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(Document())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheDocumentIsValidOpenAPIAndItsExamplesKeepTheirSchemas(t *testing.T) {
	if err := loadDocument(t).Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

func TestEveryOperationShowsAnExampleOfWhatItTakesAndGives(t *testing.T) {
	for path, item := range loadDocument(t).Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody != nil && len(op.RequestBody.Value.Content.Get("application/json").Examples) == 0 {
				t.Errorf("%s %s: its body has no example", method, path)
			}
			for code, r := range op.Responses.Map() {
				for typ, m := range r.Value.Content {
					if len(m.Examples) == 0 && m.Example == nil {
						t.Errorf("%s %s: the answer %s has no example of %s", method, path, code, typ)
					}
				}
			}
		}
	}
}

func TestTheDocumentHasTheRoutesThatTheAPIHas(t *testing.T) {
	served := (&api{}).routes()
	for path, item := range loadDocument(t).Paths.Map() {
		for method := range item.Operations() {
			route := method + " " + path
			if served[route] == nil {
				t.Errorf("%s is in the document and is not served", route)
			}
			delete(served, route)
		}
	}
	for route := range served {
		t.Errorf("%s is served and not in the document", route)
	}
	if len(loadDocument(t).Paths.Map()) < 9 {
		t.Error("the document has lost paths")
	}
}
