package codec

import "github.com/beevik/etree"

// unknown returns the key under which an element that the schema does not know
// is kept. It must not pass for a property that is written otherwise.
func (d *xmlDecoder) unknown(c *etree.Element, fields []field, uri, parent string) (string, *Error) {
	key := c.Tag
	if uri != parent && c.Space != "" {
		key = c.FullTag()
	}
	if f := propertyNamed(fields, key); f != nil {
		want := "send <" + f.tag + "> in the namespace of the element around it"
		switch {
		case f.place == inAttribute:
			want = "send the attribute " + f.tag
		case f.place != inElement:
			want = "send it as the text of the element"
		case f.ns != "":
			want = "send <" + f.tag + "> in the namespace " + f.ns
		}
		return "", d.fail(Malformed, c, "a property is written in another way than its schema says", want).in(key)
	}
	return key, nil
}

// collect puts v into out under key, in a list if there is one already.
func collect(out map[string]any, lists *map[string]bool, key string, v any) {
	before, twice := out[key]
	switch {
	case !twice:
		out[key] = v
	case (*lists)[key]:
		out[key] = append(before.([]any), v)
	default:
		if *lists == nil {
			*lists = map[string]bool{}
		}
		(*lists)[key] = true
		out[key] = []any{before, v}
	}
}

// textKey holds the text beside attributes of an element without a schema.
const textKey = "#text"

// generic decodes an element by no schema: as its text, or as an object where
// it has attributes or elements.
func (d *xmlDecoder) generic(el *etree.Element, uri string) (any, *Error) {
	s, elements := content(el)
	if !elements && !d.hasAttributes(el) {
		return s, nil
	}
	out := map[string]any{}
	for i := range el.Attr {
		if a := &el.Attr[i]; d.says(a) {
			out["@"+a.FullKey()] = a.Value
		}
	}
	if !elements {
		if s != "" {
			out[textKey] = s
		}
		return out, nil
	}
	if !isBlank(s) {
		return nil, d.mixed(el)
	}
	var lists map[string]bool
	for _, c := range el.Child {
		c, ok := c.(*etree.Element)
		if !ok {
			continue
		}
		childURI := d.scope.of(c)
		key, err := d.unknown(c, nil, childURI, uri)
		if err != nil {
			return nil, err
		}
		v, err := d.element(c, nil, childURI)
		if err != nil {
			return nil, err.in(key)
		}
		collect(out, &lists, key, v)
	}
	return out, nil
}
