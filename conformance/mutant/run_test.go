package mutant_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/mutant"
)

func TestTryRun(t *testing.T) {
	for _, c := range contracts(t) {
		if s := os.Getenv("SYS"); s != c.Name {
			continue
		}
		o := mutant.Options{Full: os.Getenv("FULL") != ""}
		switch os.Getenv("LEAST") {
		case "MUST":
			o.Least = conformance.Must
		case "SHOULD":
			o.Least = conformance.Should
		}
		r, err := mutant.Run(context.Background(), c, o)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		_ = mutant.WriteText(&b, r)
		t.Log("\n" + b.String())
	}
}
