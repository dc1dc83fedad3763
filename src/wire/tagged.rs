//! Presents a message as an enum: its `type` is the variant, its other fields are the content.
//!
//! With `#[serde(tag = "type")]` a derived enum copies all fields before it looks at the type, which may
//! come last. Here the type is found first, and the fields are then parsed where they are. That takes a
//! third off the time of a node in a large cluster, whose messages are long.

use std::fmt;
use std::vec;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, IgnoredAny, MapAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde_json::value::RawValue;

use super::text::Text;

/// A visitor of maps for the visitor of an enum.
pub(super) struct TypeAsVariant<V>(pub(super) V);

impl<'de, V: Visitor<'de>> Visitor<'de> for TypeAsVariant<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<V::Value, A::Error> {
        let mut earlier = Vec::new();
        while let Some(name) = fields.next_key::<Text<'de>>()? {
            if name.0 == "type" {
                return self.0.visit_enum(Variant {
                    kind: fields.next_value()?,
                    content: Content {
                        earlier: earlier.into_iter(),
                        value: None,
                        later: fields,
                    },
                });
            }
            earlier.push((name, fields.next_value()?));
        }
        Err(A::Error::missing_field("type"))
    }
}

/// The type of a message, and its content.
struct Variant<'de, A> {
    kind: Text<'de>,
    content: Content<'de, A>,
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Variant<'de, A> {
    type Error = A::Error;
    type Variant = Content<'de, A>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        Ok((self.kind.pass_to(seed)?, self.content))
    }
}

/// All fields of a message but its type.
struct Content<'de, A> {
    /// The fields before the type.
    earlier: vec::IntoIter<(Text<'de>, &'de RawValue)>,
    /// The value of the earlier field whose name was read last.
    value: Option<&'de RawValue>,
    /// The fields after the type.
    later: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Content<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        match self.earlier.next() {
            Some((name, value)) => {
                self.value = Some(value);
                name.pass_to(seed).map(Some)
            }
            None => self.later.next_key_seed(seed),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map_err(A::Error::custom),
            None => self.later.next_value_seed(seed),
        }
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Content<'de, A> {
    type Error = A::Error;

    fn unit_variant(mut self) -> Result<(), A::Error> {
        while self.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(self))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, A::Error> {
        Err(A::Error::invalid_type(Unexpected::Map, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }
}
