package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance"
)

// differing is a result with one case for each mismatch, which differs.
func differing(list ...conformance.Mismatch) *conformance.Result {
	r := good(3)
	for i, m := range list {
		v := conformance.Verdict{Info: info("getSelf", fmt.Sprintf("self%d", i), "The own record is given.", conformance.Must, i), Status: conformance.Differs, Mismatches: []conformance.Mismatch{m, m}}
		v.Exchanges = []conformance.Exchange{read(200, "{}")}
		r.Verdicts = append(r.Verdicts, v)
	}
	return r
}

func TestWhatDiffersIsNamedAtTheEnd(t *testing.T) {
	mismatch := func(s conformance.Severity, in, wanted, got string) conformance.Mismatch {
		return conformance.Mismatch{In: in, Wanted: wanted, Got: got, Severity: s}
	}
	r := differing(
		mismatch(conformance.May, "answer", "a refusal", "204"),
		mismatch(conformance.Should, "body", `"no"`, `"nope"`),
		mismatch(conformance.Should, "body", `"no"`, `"nope"`),
		mismatch(conformance.Should, "body", `"no"`, `"nope"`),
		mismatch(conformance.Should, "header Cache-Control", "no-store", "private"),
		mismatch(conformance.Should, "status", "401", "403"),
		mismatch(conformance.Should, "status", "409", "400"),
		mismatch(conformance.Should, "status", "409", "400"),
		mismatch(conformance.Should, "answer", "a refusal", "200\x1b[31m"),
	)
	got := string(write(t, writers["terminal.txt"], r))
	want := `9 cases differ in a SHOULD or a MAY, which fails no run; --strict lets a SHOULD fail it:
~ shop.getSelf.self8  SHOULD  answer: wanted a refusal, got 200\x1b[31m
~ shop.getSelf.self6  SHOULD  status: wanted 409, got 400 (the same in 1 other case)
~ shop.getSelf.self5  SHOULD  status: wanted 401, got 403
~ shop.getSelf.self4  SHOULD  header Cache-Control: wanted no-store, got private
~ shop.getSelf.self1  SHOULD  body: wanted "no", got "nope" (the same in 2 other cases)
~ shop.getSelf.self0  MAY  answer: wanted a refusal, got 204

✓ https://staging.shop.example conforms to Shop session API 4.2.
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
}

func TestWhatIsOnlyAMayNeedsNoWordOfStrict(t *testing.T) {
	got := string(write(t, writers["terminal.txt"], differing(conformance.Mismatch{In: "status", Wanted: "401", Got: "403"})))
	if strings.Contains(got, "strict") || !strings.HasPrefix(got, "1 case differs in a MAY, which fails no run:\n~ shop.getSelf.self0  MAY  status: wanted 401, got 403\n\n") {
		t.Error(got)
	}
}

func TestTenDifferencesAreEnoughForATerminal(t *testing.T) {
	for n, more := range map[int]string{10: "", 11: "  and 1 more: --report DIR shows all\n", 1044: "  and 1,034 more: --report DIR shows all\n"} {
		var list []conformance.Mismatch
		for i := range n {
			list = append(list, conformance.Mismatch{In: "body", Wanted: fmt.Sprint(i), Got: strings.Repeat("long ", 1000), Severity: conformance.Should})
		}
		got := string(write(t, writers["terminal.txt"], differing(list...)))
		lines := strings.Split(got, "\n")
		if i := slices.Index(lines, ""); i > 12 || !strings.Contains(got, more) || strings.Contains(got, "--report") != (more != "") || len(got) > 4000 {
			t.Errorf("of %d it says\n%s", n, got)
		}
	}
}
