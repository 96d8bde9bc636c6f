package specs

import (
	"errors"
	"os"
	"testing"
)

// FuzzLoad holds that a contract, whatever is in it, is loaded or refused with
// findings that have a place, and never ends the process.
func FuzzLoad(f *testing.F) {
	for _, file := range append(brokenFiles(f), bookshop, "../testdata/contracts/plain.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, name := range Systems() {
		data, err := SystemSource(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(shrunk(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return // bounded elsewhere; here it would only be slow
		}
		_, err := LoadData("fuzz", "fuzz.yaml", data)
		if err == nil {
			return
		}
		var findings Findings
		if !errors.As(err, &findings) || len(findings) == 0 {
			t.Fatalf("%v is no finding", err)
		}
		for _, x := range findings {
			if Codes()[x.Code] == "" || x.Message == "" {
				t.Errorf("%+v", x)
			}
		}
	})
}

// shrunk is the head of a contract, cut at the end of a line: a fuzzer makes
// little of 60 KiB.
func shrunk(data []byte) []byte {
	const most = 8 << 10
	if len(data) <= most {
		return data
	}
	cut := data[:most]
	for i := len(cut) - 1; i > 0; i-- {
		if cut[i] == '\n' {
			return cut[:i+1]
		}
	}
	return cut
}
