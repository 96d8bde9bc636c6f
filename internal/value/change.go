package value

import "strconv"

// Put sets the member at tokens of an ordered value, making objects on the way,
// and returns the whole. Lists are changed where they are; an index that is not
// there is passed over.
func Put(body any, tokens []string, v any) any {
	if len(tokens) == 0 {
		return v
	}
	if list, ok := body.([]any); ok {
		i, err := strconv.Atoi(tokens[0])
		if err == nil && i >= 0 && i < len(list) {
			list[i] = Put(list[i], tokens[1:], v)
		}
		return list
	}
	o, _ := body.(Object)
	for i := range o {
		if o[i].Name == tokens[0] {
			o[i].Value = Put(o[i].Value, tokens[1:], v)
			return body // the same object: boxing it again would allocate
		}
	}
	return append(o, Member{Name: tokens[0], Value: Put(nil, tokens[1:], v)})
}

// Remove takes the member at tokens away, and returns the whole.
func Remove(body any, tokens []string) any {
	if len(tokens) == 0 {
		return nil
	}
	o, ok := body.(Object)
	if !ok {
		if list, ok := body.([]any); ok {
			if i, err := strconv.Atoi(tokens[0]); err == nil && i >= 0 && i < len(list) {
				list[i] = Remove(list[i], tokens[1:])
			}
		}
		return body
	}
	if len(tokens) == 1 {
		o.Delete(tokens[0])
		return o
	}
	if cur, ok := o.Get(tokens[0]); ok {
		o.Set(tokens[0], Remove(cur, tokens[1:]))
	}
	return o
}
