package specs

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	exprcheck "github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
)

// typer checks the types of expressions with expr's own checker, against an
// environment of what the contract says its names are. Sessions, tokens and
// records refer to each other without end, and expr has no lazy types, so each
// name is unrolled to typeDepth members: deeper than any expression goes, and
// beyond it everything is allowed.
type typer struct{ options []expr.Option }

const (
	typeDepth = 3
	// maxTypes bounds the environment of one expression: a record with a
	// thousand references is legal, and its third power is not affordable.
	maxTypes = 4_000
)

func newTyper() *typer {
	never := func(...any) (any, error) { return nil, errNoScope }
	return &typer{options: []expr.Option{
		expr.DisableBuiltin("now"), expr.DisableBuiltin("date"), expr.DisableBuiltin("timezone"),
		expr.DisableBuiltin("toBase64"), expr.DisableBuiltin("fromBase64"),
		expr.Function("instant", never, new(func(any, []any) time.Time), new(func(any, []any, string) time.Time)),
		expr.Function("days", never, new(func(int) time.Duration), new(func(float64) time.Duration)),
		expr.Function("seconds", never, new(func(int) time.Duration), new(func(float64) time.Duration)),
	}}
}

// check returns what is wrong with the types of an expression; "" if nothing is.
func (t *typer) check(e *scopes, src string, tree ast.Node) (message string) {
	// The checker is not ours, and what it is given may come from anyone.
	defer func() {
		if p := recover(); p != nil {
			message = "the types of this expression cannot be worked out"
		}
	}()
	u := &unroller{e: e, named: memberNames(tree)}
	env := types.Map{}
	for _, name := range identifiers(tree) {
		if s, ok := e.root(name); ok {
			env[name] = u.typ(s, typeDepth)
		}
	}
	config := conf.CreateNew()
	for _, o := range t.options {
		o(config)
	}
	expr.Env(env)(config)
	for name := range config.Disabled {
		delete(config.Builtins, name)
	}
	parsed, err := parser.ParseWithConfig(src, config)
	if err == nil {
		_, err = exprcheck.Check(parsed, config)
	}
	if err == nil {
		return ""
	}
	var f *file.Error
	if errors.As(err, &f) {
		return plainTypes(f.Message)
	}
	return plainTypes(strings.SplitN(err.Error(), "\n", 2)[0])
}

// plainTypes writes a message of expr in the words of a contract.
func plainTypes(s string) string {
	s = regexp.MustCompile(`\bint\b`).ReplaceAllString(s, "integer")
	return strings.NewReplacer(
		"time.Time", "time", "time.Duration", "duration", "map[string]interface {}", "object", "[]interface {}", "list",
		"interface {}", "anything", "float32", "number", "float64", "number", "bool", "boolean",
	).Replace(s)
}

// builtinNames lists the functions of the language that a contract may use.
func builtinNames() []string {
	var out []string
	for _, f := range builtin.Builtins {
		if hiddenFunction(f.Name) == "" {
			out = append(out, f.Name)
		}
	}
	return out
}

// unroller makes types of shapes, with only the members that the expression
// names anywhere: whether each of them exists has been checked before.
type unroller struct {
	e     *scopes
	named []string
	count int
}

func (u *unroller) typ(s shape, depth int) types.Type {
	u.count++
	if depth < 0 || u.count > maxTypes {
		return types.Any
	}
	switch s.what {
	case whatScalar:
		switch s.typ {
		case "boolean":
			return types.Bool
		case "integer":
			return types.Int
		case "number":
			return types.Float64
		case "string":
			return types.String
		case "time":
			return types.TypeOf(time.Time{})
		case "duration":
			return types.TypeOf(time.Duration(0))
		}
	case whatList:
		return types.Array(u.typ(*s.elem, depth-1))
	case whatObject:
		if !s.mixed {
			return u.members(s, depth)
		}
	case whatMap, whatRecord, whatSession, whatToken, whatSettings, whatRequest, whatFailure, whatAnswer:
		return u.members(s, depth)
	}
	return types.Any
}

func (u *unroller) members(s shape, depth int) types.Type {
	m := types.Map{types.Extra: types.Any}
	for _, name := range u.named {
		if x, ok, _ := u.e.member(s, name); ok {
			m[name] = u.typ(x, depth-1)
		}
	}
	return m
}

// memberNames lists the members that an expression reads of anything.
func memberNames(n ast.Node) []string {
	seen := map[string]bool{}
	ast.Walk(&n, visitor(func(n ast.Node) {
		if m, ok := n.(*ast.MemberNode); ok {
			if p, ok := m.Property.(*ast.StringNode); ok {
				seen[p.Value] = true
			}
		}
	}))
	return sortedKeys(seen)
}
