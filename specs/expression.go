package specs

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a contract may name a zone, and not every machine has them

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/mockauth/mockauth/internal/value"
)

// Expr is a compiled condition or computation. It is compiled at its first use:
// a contract has some two hundred, and a server that has just started needs
// few of them.
type Expr struct {
	Src     string
	Pointer string // where it stands
	Line    int

	simple  sync.Once
	quick   quick // nil: only the program will do
	once    sync.Once
	program *vm.Program
	err     error
	vms     sync.Pool // of *vm.VM: a fresh one allocates its stack each time

	naming   sync.Once
	names    map[string][][]string // see Names
	namesErr error
}

// Never is the value of `never` in an expression: no end.
var Never any = never{} //nolint:gochecknoglobals // a constant; Go has none of this type

type never struct{}

// Errors of an expression are never shown with values of the request.
var errNoScope = errors.New("no scope")

func (e *Expr) compile() error {
	e.once.Do(func() {
		e.program, e.err = expr.Compile(e.Src, runtimeOptions()...)
	})
	return e.err
}

// Eval computes the expression. An operation on a missing value is an error;
// Holds treats it as false.
func (e *Expr) Eval(s Scope) (out any, err error) {
	e.simple.Do(e.simplify)
	if e.quick == nil {
		return e.run(s)
	}
	defer recovered(&out, &err)
	if v, ok := e.quick(s, nil); ok {
		return unbox(v), nil
	}
	return e.run(s)
}

func (e *Expr) simplify() {
	q, checked := quicken(e.Src)
	if !checked || e.compile() == nil {
		e.quick = q
	}
}

// recovered turns a panic into an error: expr promises not to panic, but its
// built-ins have (take with a negative count); a contract must never end the
// server.
func recovered(out *any, err *error) {
	if p := recover(); p != nil {
		*out, *err = nil, fmt.Errorf("%v", p)
	}
}

// run computes the expression with expr's machine.
func (e *Expr) run(s Scope) (out any, err error) {
	if err := e.compile(); err != nil {
		return nil, err
	}
	defer recovered(&out, &err)
	machine, _ := e.vms.Get().(*vm.VM)
	if machine == nil {
		machine = &vm.VM{}
	}
	out, err = machine.Run(e.program, s)
	e.vms.Put(machine)
	if err != nil {
		var f *file.Error
		if errors.As(err, &f) {
			return nil, errors.New(f.Message)
		}
		return nil, err
	}
	return unbox(out), nil
}

// Holds evaluates a condition. A nil *Expr holds. A condition that cannot be
// decided does not hold, and undecided says why.
func (e *Expr) Holds(s Scope) (holds bool, undecided string) {
	if e == nil {
		return true, ""
	}
	out, err := e.Eval(s)
	if err != nil {
		return false, fmt.Sprintf("%s: %v", e.Src, err)
	}
	switch out := out.(type) {
	case bool:
		return out, ""
	case nil:
		return false, ""
	}
	return false, fmt.Sprintf("%s: is a %T, not true or false", e.Src, out)
}

func runtimeOptions() []expr.Option {
	return []expr.Option{
		expr.Patch(resolver{}),
		expr.DisableBuiltin("now"), expr.DisableBuiltin("date"), expr.DisableBuiltin("timezone"),
		expr.DisableBuiltin("toBase64"), expr.DisableBuiltin("fromBase64"),
		expr.Function("root", func(p ...any) (any, error) {
			s, ok := p[0].(Scope)
			if !ok {
				return nil, errNoScope
			}
			return exprValue(s.Root(p[1].(string))), nil
		}),
		expr.Function("member", func(p ...any) (any, error) {
			s, ok := p[0].(Scope)
			if !ok {
				return nil, errNoScope
			}
			if p[1] == nil {
				return nil, nil
			}
			switch k := p[2].(type) {
			case string:
				return exprValue(s.Member(unbox(p[1]), k)), nil
			case int:
				return element(p[1], k), nil
			}
			return nil, nil
		}),
		expr.Function("instant", instant),
		expr.Function("days", days),
		expr.Function("seconds", seconds),
	}
}

// instant reads a value as an instant: instant(value, codecs, zone). The zone is
// UTC unless it is given. It is nil where none of the codecs fits.
func instant(p ...any) (any, error) {
	if len(p) < 2 {
		return nil, errors.New("instant wants a value and a list of codecs")
	}
	zone := time.UTC
	if len(p) > 2 {
		if name, ok := p[2].(string); ok {
			z, err := time.LoadLocation(name)
			if err != nil {
				return nil, fmt.Errorf("no time zone is called so")
			}
			zone = z
		}
	}
	list, ok := p[1].([]any)
	if !ok {
		return nil, errors.New("instant wants a list of codecs")
	}
	names := make([]string, 0, len(list))
	for _, n := range list {
		if s, ok := n.(string); ok {
			names = append(names, s)
		}
	}
	if p[0] == nil {
		return nil, nil
	}
	if t, ok := p[0].(time.Time); ok {
		return t, nil
	}
	t, ok := ParseInstant(jsonable(p[0]), names, zone)
	if !ok {
		return nil, nil
	}
	return t, nil
}

// element is list[k]; nil beyond its ends. A negative k counts from the end.
func element(list any, k int) any {
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Slice {
		return nil
	}
	if k < 0 {
		k += v.Len()
	}
	if k < 0 || k >= v.Len() {
		return nil
	}
	return exprValue(v.Index(k).Interface())
}

func days(p ...any) (any, error) { return duration(p, 24*time.Hour) }

func seconds(p ...any) (any, error) { return duration(p, time.Second) }

func duration(p []any, unit time.Duration) (any, error) {
	if len(p) != 1 {
		return nil, errors.New("wants one number")
	}
	switch n := p[0].(type) {
	case int:
		if int64(n) > math.MaxInt64/int64(unit) || int64(n) < math.MinInt64/int64(unit) {
			return nil, errors.New("out of range")
		}
		return time.Duration(n) * unit, nil
	case float64:
		return time.Duration(n * float64(unit)), nil
	}
	return nil, errors.New("wants a number")
}

// Handle marks the things of the session machine (records, sessions, tokens),
// which expr must carry about and never look into: it would follow a pointer.
type Handle interface{ Handle() }

type boxed struct{ x Handle }

func unbox(x any) any {
	switch x := x.(type) {
	case boxed:
		return x.x
	case []any:
		for i, e := range x {
			if _, ok := e.(boxed); ok {
				out := append([]any(nil), x...)
				for j := i; j < len(out); j++ {
					out[j] = unbox(out[j])
				}
				return out
			}
		}
	}
	return x
}

// exprValue gives numbers the types that expr computes with, and boxes handles.
func exprValue(x any) any {
	switch x := x.(type) {
	case Handle:
		return boxed{x}
	case json.Number:
		if i, err := strconv.Atoi(x.String()); err == nil {
			return i
		}
		if f, err := x.Float64(); err == nil {
			return f
		}
		return x.String()
	case []any:
		if !slices.ContainsFunc(x, otherForExpr) {
			return x
		}
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = exprValue(e)
		}
		return out
	}
	return x
}

// otherForExpr reports whether exprValue changes a value, or may.
func otherForExpr(x any) bool {
	switch x.(type) {
	case Handle, json.Number, []any:
		return true
	}
	return false
}

// PlainMember is Member for values that are no handles of the session machine.
func PlainMember(x any, name string) any {
	switch x := x.(type) {
	case map[string]any:
		return x[name]
	case value.Object:
		v, _ := x.Get(name)
		return v
	}
	return nil
}

// functions that are called by name and are no names of the contract.
func isFunction(name string) bool {
	switch name {
	case "root", "member", "instant", "days", "seconds":
		return true
	}
	return false
}

// resolver sends every name and member through the Scope, which makes them
// nil-safe and lets records refer to each other without being copied.
type resolver struct{}

func (resolver) Visit(node *ast.Node) {
	env := func() ast.Node { return &ast.IdentifierNode{Value: "$env"} }
	call := func(name string, args ...ast.Node) {
		ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args})
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value != "$env" && !isFunction(n.Value) {
			call("root", env(), &ast.StringNode{Value: n.Value})
		}
	case *ast.MemberNode:
		call("member", env(), n.Node, n.Property)
	}
}

// Names returns the roots that an expression mentions, and for each the paths
// of members that follow. It is how a check knows what an expression needs. The
// map is shared, and not to be changed.
func (e *Expr) Names() (map[string][][]string, error) {
	e.naming.Do(func() {
		tree, err := parser.Parse(e.Src)
		if err != nil {
			e.namesErr = err
			return
		}
		c := &nameCollector{names: map[string][][]string{}}
		c.walk(tree.Node)
		e.names = c.names
	})
	return e.names, e.namesErr
}

type nameCollector struct{ names map[string][][]string }

func (c *nameCollector) walk(n ast.Node) {
	ast.Walk(&n, c)
}

func (c *nameCollector) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if !isFunction(n.Value) && n.Value != "$env" {
			c.names[n.Value] = append(c.names[n.Value], nil)
		}
	case *ast.MemberNode:
		if root, path, ok := memberPath(n); ok {
			c.names[root] = append(c.names[root], path)
		}
	}
}

func memberPath(n *ast.MemberNode) (string, []string, bool) {
	p, ok := n.Property.(*ast.StringNode)
	if !ok {
		return "", nil, false
	}
	switch base := unchain(n.Node).(type) {
	case *ast.IdentifierNode:
		return base.Value, []string{p.Value}, true
	case *ast.MemberNode:
		if root, path, ok := memberPath(base); ok {
			return root, append(path, p.Value), true
		}
	}
	return "", nil, false
}

func unchain(n ast.Node) ast.Node {
	if c, ok := n.(*ast.ChainNode); ok {
		return c.Node
	}
	return n
}

// exprMessage shortens expr's error to one line, without its drawing.
func exprMessage(err error) string {
	var f *file.Error
	if errors.As(err, &f) {
		return fmt.Sprintf("%s (column %d)", f.Message, f.Column+1)
	}
	return strings.SplitN(err.Error(), "\n", 2)[0]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
