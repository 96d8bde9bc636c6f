package suite

import (
	"flag"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/extensions/globals"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/mockauth/mockauth/conformance"
)

// stage guards Ginkgo's one suite a process.
//
//nolint:gochecknoglobals // the state is Ginkgo's: its suite, failer and streams are package variables
var stage struct {
	sync.Mutex
	// bare: the last user of Ginkgo was Run, which leaves an empty suite, so that
	// it need not be asked for specs of a host's.
	bare bool
}

// drive runs the cases as the one Ginkgo suite of this process, without a word
// on the terminal, and leaves Ginkgo as it was found.
func drive(c *course, cases []*conformance.Case) error {
	stage.Lock()
	defer stage.Unlock()
	if ginkgo.CurrentSpecReport().LeafNodeType != types.NodeTypeInvalid {
		return ErrHost
	}
	suiteConfig, reporterConfig := ginkgo.GinkgoConfiguration()
	count, err := flags()
	if err != nil {
		return err
	}
	defer count()
	stdout := formatter.ColorableStdOut
	formatter.ColorableStdOut = io.Discard
	defer func() { formatter.ColorableStdOut = stdout }()
	if !stage.bare {
		if n := len(ginkgo.PreviewSpecs("").SpecReports); n > 0 {
			return fmt.Errorf("%w (%d specs are registered)", ErrHost, n)
		}
	}
	globals.Reset()
	defer func() {
		globals.Reset()
		// RunSpecs keeps the configuration that it was given; a suite that the host
		// runs later must find its own.
		ginkgo.PreviewSpecs("", suiteConfig, reporterConfig)
		globals.Reset()
		stage.bare = true
	}()
	ginkgo.Describe("conformance", func() { c.specifyAll(cases) }) // Ginkgo shuffles what stands in none
	ginkgo.RunSpecs(quiet{}, "conformance", silent(c.cfg), types.ReporterConfig{Succinct: true, NoColor: true})
	return nil
}

// quiet is what RunSpecs tells that specs failed. The verdicts say so.
type quiet struct{}

func (quiet) Fail() {}

// silent is the configuration of Ginkgo for a run.
func silent(cfg Config) types.SuiteConfig {
	s := types.NewDefaultSuiteConfig()
	s.RandomSeed = cfg.Seed
	s.RandomizeAllSpecs = cfg.Seed != 0
	s.FailOnEmpty = true
	s.FailFast = cfg.FailFast
	// A case obeys its context after the request under way at the latest, and
	// then cleans up.
	s.GracePeriod = time.Minute
	s.ParallelProcess, s.ParallelTotal = 1, 1
	return s
}

// flags looks at flags of go test with which RunSpecs would exit the process.
// It takes back -count, which Ginkgo refuses since it cannot run one suite
// twice, and we can; the function gives it back.
func flags() (func(), error) {
	nothing := func() {}
	set := map[string]*flag.Flag{}
	flag.CommandLine.Visit(func(f *flag.Flag) { set[f.Name] = f })
	for _, name := range []string{"parallel", "test.parallel"} {
		if set[name] != nil {
			return nothing, fmt.Errorf("ginkgo does not run under go test -%s; leave the flag out", "parallel")
		}
	}
	for _, name := range []string{"count", "test.count"} {
		if f := set[name]; f != nil && f.Value.String() != "1" {
			was := f.Value.String()
			if err := f.Value.Set("1"); err != nil {
				return nothing, fmt.Errorf("ginkgo does not run under go test -count=%s: %w", was, err)
			}
			return func() { _ = f.Value.Set(was) }, nil
		}
	}
	return nothing, nil
}
