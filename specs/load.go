package specs

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/schema"
)

//go:embed */openapi.yaml
var embedded embed.FS

// Systems returns the names of the contracts that ship with mockauth, sorted.
func Systems() []string {
	entries, err := fs.ReadDir(embedded, ".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names
}

// System returns the shipped contract called name. It is not checked again:
// the project's own tests check each one with Check.
func System(name string) (*Contract, error) {
	data, err := SystemSource(name)
	if err != nil {
		return nil, err
	}
	c, findings := parse(name, name+"/openapi.yaml", data)
	if len(findings) > 0 {
		return nil, findings
	}
	return c, nil
}

// SystemSource returns the text of the shipped contract called name.
func SystemSource(name string) ([]byte, error) {
	data, err := embedded.ReadFile(name + "/openapi.yaml")
	if err != nil {
		return nil, fmt.Errorf("no system is called %q; %s", name, didYouMean(name, Systems()))
	}
	return data, nil
}

// ContractFile is the name of the contract in a directory.
const ContractFile = "openapi.yaml"

// Resolve returns the file that path names: itself, or openapi.yaml,
// openapi.yml or openapi.json in the directory.
func Resolve(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", path, errReason(err))
	}
	if !info.IsDir() {
		return path, nil
	}
	for _, name := range []string{ContractFile, "openapi.yml", "openapi.json"} {
		if f := filepath.Join(path, name); exists(f) {
			return f, nil
		}
	}
	return "", fmt.Errorf("%s has no %s", path, ContractFile)
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func errReason(err error) error {
	if pe, ok := err.(*fs.PathError); ok { //nolint:errorlint // only its own text is wanted
		return pe.Err
	}
	return err
}

// Load reads the contract in a file or directory and checks it. The error is
// Findings if the file was read and is wrong.
func Load(path string) (*Contract, error) {
	file, err := Resolve(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	if err == nil && info.Size() > document.MaxBytes {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are read", file, info.Size(), document.MaxBytes)
	}
	data, err := document.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", file, errReason(err))
	}
	return LoadData(nameOf(file), file, data)
}

// nameOf is the name of the system in a file: the folder for openapi.yaml, else
// the file's own name.
func nameOf(file string) string {
	base := filepath.Base(file)
	name := strings.TrimSuffix(base, filepath.Ext(base))
	if name == "openapi" {
		if abs, err := filepath.Abs(file); err == nil {
			name = filepath.Base(filepath.Dir(abs))
		}
	}
	return name
}

// LoadData reads and checks a contract; file is what findings call it.
func LoadData(name, file string, data []byte) (*Contract, error) {
	c, findings := parse(name, file, data)
	if c != nil {
		findings = append(findings, check(c)...)
	}
	if len(findings) > 0 {
		return c, findings.once().sorted()
	}
	return c, nil
}

func parse(name, file string, data []byte) (*Contract, Findings) {
	return (&reader{}).parse(name, file, data)
}

func (p *reader) parse(name, file string, data []byte) (*Contract, Findings) {
	doc, err := document.Parse(file, data)
	if err != nil {
		f := Finding{Code: "not-readable", File: file, Message: err.Error()}
		if de, ok := err.(*document.Error); ok { //nolint:errorlint // Parse returns nothing else
			f.Line, f.Message = de.Line, de.Message
		}
		return nil, Findings{f}
	}
	c := &Contract{
		Name: name, Doc: doc, Schemas: schema.New(doc),
		Sources: map[string]string{}, Cookies: map[string]*Cookie{}, Schemes: map[string]*Scheme{}, Examples: map[string]*Example{},
		Failures: FailureTable{}, settings: map[string]*Setting{}, records: map[string]*RecordKind{}, tokens: map[string]*TokenKind{},
		ops: map[string]*Operation{}, codecs: codecs(),
	}
	p.c, p.doc = c, doc
	p.document()
	return c, p.findings
}

// DidYouMean is the end of a message about an unknown name: the candidate that
// was probably meant, or the list of them.
func DidYouMean(name string, candidates []string) string { return didYouMean(name, candidates) }

// Nearest is the candidate that was probably meant by a name; empty if none was.
func Nearest(name string, candidates []string) string { return nearest(name, candidates) }

// ProfileSettings returns the settings of a profile, or of several joined by +;
// empty: the contract's default profile.
func (c *Contract) ProfileSettings(name string) (map[string]any, error) {
	if name == "" {
		name = c.DefaultProfile
	}
	out := map[string]any{}
	if name == "" {
		return out, nil
	}
	for part := range strings.SplitSeq(name, "+") {
		var found *Profile
		var names []string
		for _, p := range c.Profiles {
			names = append(names, p.Name)
			if p.Name == part {
				found = p
			}
		}
		if found == nil {
			return nil, fmt.Errorf("%s has no profile %q; %s", c.Name, part, didYouMean(part, names))
		}
		maps.Copy(out, found.Settings)
	}
	return out, nil
}
