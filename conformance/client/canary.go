package client

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"maps"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// canaries is a world in which every secret of a record is another text than in
// any other case: where one is found, it is known which case it came from. A
// secret whose schema takes no such text stays as it is.
func canaries(c *specs.Contract, w *fixtures.World, id string, seed uint64) (*fixtures.World, []string) {
	out := &fixtures.World{Description: w.Description}
	var secrets []string
	for i, r := range w.Records {
		k := c.Record(r.Kind)
		fields := maps.Clone(r.Value)
		for _, name := range k.Order {
			f := k.Fields[name]
			old, ok := value.Text(fields[name])
			if !f.Secret || !ok || old == "" {
				continue
			}
			h := fnv.New64a()
			fmt.Fprintf(h, "%d %s %d %s", seed, id, i, name)
			mark := hex.EncodeToString(h.Sum(nil))
			if _, text := fields[name].(string); text {
				for _, try := range []string{old + "-" + mark, mark, mark[:min(len(old), len(mark))]} {
					if len(try) >= 8 && fits(c, f, try) {
						fields[name], old = try, try
						break
					}
				}
			}
			secrets = append(secrets, old)
		}
		r.Value = fields
		out.Records = append(out.Records, r)
	}
	return out, secrets
}

func fits(c *specs.Contract, f specs.Field, x any) bool {
	if f.Schema == nil {
		return true
	}
	v, err := c.Schemas.Compile(f.Schema.Pointer, schema.Request)
	return err == nil && len(v.Validate(x)) == 0
}
