package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestTheJobsOfTheExampleWorkflowAreGreen runs the commands of each job as they
// stand, but for the installation: the commands are built from this tree.
func TestTheJobsOfTheExampleWorkflowAreGreen(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ If, Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join("examples", "github-actions.yml"))), &workflow); err != nil {
		t.Fatal(err)
	}
	wantTools(t)
	commands := build(t)
	file := strings.ReplaceAll(targetOfThePage(t), staging, port(stage(t)))
	for name, job := range workflow.Jobs {
		t.Run(name, func(t *testing.T) {
			runner := newShell(t, commands)
			if err := os.WriteFile(filepath.Join(runner.dir, "staging.yaml"), []byte(file), 0o600); err != nil {
				t.Fatal(err)
			}
			summary := filepath.Join(runner.dir, "summary.md")
			ran := 0
			for _, s := range job.Steps {
				if s.Run == "" || strings.HasPrefix(s.Run, "go install ") {
					continue
				}
				ran++
				runner.run(t, s.Run, "WEDIA_USER_PASSWORD=demo-john", "GITHUB_STEP_SUMMARY="+summary)
			}
			if ran < 2 {
				t.Errorf("%d steps were run", ran)
			}
			for _, f := range []string{summary, filepath.Join(runner.dir, "conform-report", "report.html")} {
				if info, err := os.Stat(f); err != nil || info.Size() == 0 {
					t.Errorf("%s was not written: %v", f, err)
				}
			}
		})
	}
}

// targetOfThePage is the target file that test-a-server.md arrives at.
func targetOfThePage(t *testing.T) string {
	t.Helper()
	file := ""
	for _, part := range strings.Split(read(t, "test-a-server.md"), "> staging.yaml <<'END'\n")[1:] {
		text, _, _ := strings.Cut(part, "END\n")
		file += text
	}
	if file == "" {
		t.Fatal("the page has no staging.yaml")
	}
	return file
}
