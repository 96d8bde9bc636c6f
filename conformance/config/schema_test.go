package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/specs"
)

func TestSchemaAndReaderHaveTheSameWords(t *testing.T) {
	t.Parallel()
	data := []byte("contract: wedia\nurl: http://x\ncapabilities: {}\nbudgets: {}\ncontrol: {}\n")
	r, err := newReader("x.yaml", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.words = map[string][]string{}
	r.read()
	type object struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var root object
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"a target file": "", "capabilities": "capabilities", "budgets": "budgets", "control": "control"}; len(r.words) != len(want) {
		t.Errorf("the reader knows %v", r.words)
	}
	for what, words := range r.words {
		o := root
		if what != "a target file" {
			o = object{}
			if err := json.Unmarshal(root.Properties[what], &o); err != nil {
				t.Fatal(err)
			}
		}
		names := slices.Collect(maps.Keys(o.Properties))
		sort.Strings(names)
		if !slices.Equal(names, words) {
			t.Errorf("%s: the schema has %v, the reader %v", what, names, words)
		}
	}
}

func TestSchemaTakesWhatTheReaderTakes(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("target.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("target.json")
	if err != nil {
		t.Fatal(err)
	}
	judge := func(name string, data []byte) error {
		d, err := document.Parse(name, data)
		if err != nil {
			t.Fatal(err)
		}
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		x, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(x)
	}
	for _, name := range specs.Systems() {
		contract, err := specs.System(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := judge(name, Template(contract)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	good, err := os.ReadFile("testdata/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := judge("good.yaml", good); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"everything", "nothing", "list", "shapes"} {
		bad, err := os.ReadFile(filepath.Join("testdata", "wrong", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if judge(name, bad) == nil {
			t.Errorf("the schema takes wrong/%s.yaml", name)
		}
	}
}
