//! What a component imports and exports, and which functions and resources it takes so, read from the declarations of its outermost level.
//!
//! A validator would know, and would build all types for it: a thousand instances of a component with a thousand exports are 30 KB of a
//! file, and each level of nesting may have as many. Compiling validates, within its limits; this only follows the indexes that
//! imports use, in time and memory that grow with the file. What it cannot follow counts as access.

use std::rc::Rc;

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    InstanceTypeDeclaration, Payload, TypeBounds,
};

/// Declarations at the outermost level and in the types of instances there. The largest interpreter has some 500.
const MAX_DECLARED: usize = 100_000;

/// Names of one interface: WASI's file system has 40.
const MAX_EXPORTS: usize = 1024;

/// What a name of an interface stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// A type of plain data.
    Words,
    /// A resource, or what may be one.
    Resource,
    /// A function; or a module, a component, a value: more than words in any case.
    Access,
}

/// What an instance exports, by name; `None` where it is not known.
type Shape<'a> = Option<Rc<[(&'a str, Item)]>>;

/// A type of the component.
#[derive(Clone, Debug)]
enum Type<'a> {
    Item(Item),
    Instance(Shape<'a>),
}

/// What is imported under a name.
#[derive(Debug)]
pub(crate) struct Imported<'a> {
    /// The name.
    pub(crate) name: &'a str,
    what: Type<'a>,
}

impl<'a> Imported<'a> {
    /// Functions and the like. Neither these nor resources: only words.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &'a str> {
        let (of_instance, own) = match &self.what {
            Type::Instance(Some(shape)) => (&shape[..], None),
            Type::Item(Item::Access) => (&[][..], Some(self.name)),
            Type::Item(Item::Words | Item::Resource) | Type::Instance(None) => (&[][..], None),
        };
        of_instance.iter().filter(|(_, item)| *item == Item::Access).map(|(name, _)| *name).chain(own)
    }

    /// Whether a resource is among it, or may be.
    pub(crate) fn has_resources(&self) -> bool {
        match &self.what {
            Type::Instance(Some(shape)) => shape.iter().any(|(_, item)| *item == Item::Resource),
            Type::Item(Item::Resource) | Type::Instance(None) => true,
            Type::Item(Item::Words | Item::Access) => false,
        }
    }
}

/// Why reading ends.
#[derive(Debug)]
pub(crate) enum Unread {
    /// Not the encoding of a component.
    Invalid(BinaryReaderError),
    /// More declarations than there may be.
    TooMany,
}

impl From<BinaryReaderError> for Unread {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid(error)
    }
}

/// The index spaces of types and instances of a component, as its sections come.
#[derive(Debug, Default)]
pub(crate) struct Shapes<'a> {
    types: Vec<Type<'a>>,
    instances: Vec<Shape<'a>>,
    imported: Vec<Imported<'a>>,
    exported: Vec<&'a str>,
    declared: usize,
}

impl<'a> Shapes<'a> {
    /// Takes in a section of the outermost level.
    pub(crate) fn section(&mut self, payload: &Payload<'a>) -> Result<(), Unread> {
        match payload {
            Payload::ComponentTypeSection(section) => {
                for ty in section.clone() {
                    let ty = self.declared_type(ty?)?;
                    self.push_type(ty)?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.alias(&alias?)?;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import?;
                    let what = self.referenced(&import.ty);
                    self.count()?;
                    match (&import.ty, &what) {
                        (ComponentTypeRef::Instance(_), Type::Instance(shape)) => self.instances.push(shape.clone()),
                        (ComponentTypeRef::Instance(_), Type::Item(_)) => self.instances.push(None),
                        (ComponentTypeRef::Type(_), _) => self.types.push(what.clone()),
                        _ => {}
                    }
                    self.imported.push(Imported { name: import.name.name, what });
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    self.count()?;
                    self.exported.push(export.name.name);
                    // an export is another index of the same
                    match export.kind {
                        ComponentExternalKind::Type => self.types.push(self.ty(export.index)),
                        ComponentExternalKind::Instance => self.instances.push(self.instance(export.index)),
                        _ => {}
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    instance?;
                    self.count()?;
                    self.instances.push(None);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What is imported, in the order of the file.
    pub(crate) fn imports(&self) -> &[Imported<'a>] {
        &self.imported
    }

    /// What is exported, likewise.
    pub(crate) fn exports(&self) -> impl Iterator<Item = &'a str> {
        self.exported.iter().copied()
    }

    /// How many names these are.
    pub(crate) fn names(&self) -> usize {
        self.imported.len() + self.exported.len()
    }

    fn declared_type(&mut self, ty: ComponentType<'a>) -> Result<Type<'a>, Unread> {
        Ok(match ty {
            ComponentType::Instance(declarations) => Type::Instance(Some(self.shape(&declarations)?)),
            ComponentType::Resource { .. } => Type::Item(Item::Resource),
            ComponentType::Defined(_) => Type::Item(Item::Words),
            ComponentType::Func(_) | ComponentType::Component(_) => Type::Item(Item::Access),
        })
    }

    fn shape(&mut self, declarations: &[InstanceTypeDeclaration<'a>]) -> Result<Rc<[(&'a str, Item)]>, Unread> {
        let (mut types, mut exports) = (Vec::new(), Vec::new());
        for declaration in declarations {
            self.count()?;
            match declaration {
                InstanceTypeDeclaration::Type(ComponentType::Defined(_)) => types.push(Item::Words),
                InstanceTypeDeclaration::Type(ComponentType::Resource { .. })
                | InstanceTypeDeclaration::Alias(ComponentAlias::InstanceExport {
                    kind: ComponentExternalKind::Type,
                    ..
                }) => types.push(Item::Resource),
                InstanceTypeDeclaration::Type(_) => types.push(Item::Access),
                InstanceTypeDeclaration::Alias(ComponentAlias::Outer {
                    kind: ComponentOuterAliasKind::Type,
                    count,
                    index,
                }) => types.push(match (count, self.ty(*index)) {
                    (1, Type::Item(item)) => item,
                    _ => Item::Resource,
                }),
                InstanceTypeDeclaration::Alias(_) | InstanceTypeDeclaration::CoreType(_) => {}
                InstanceTypeDeclaration::Export { name, ty } => {
                    let item = match ty {
                        ComponentTypeRef::Type(TypeBounds::SubResource) => Item::Resource,
                        ComponentTypeRef::Type(TypeBounds::Eq(index)) => {
                            types.get(*index as usize).copied().unwrap_or(Item::Resource)
                        }
                        _ => Item::Access,
                    };
                    if matches!(ty, ComponentTypeRef::Type(_)) {
                        types.push(item);
                    }
                    exports.push((name.name, item));
                }
            }
        }
        if exports.len() > MAX_EXPORTS {
            return Err(Unread::TooMany);
        }
        Ok(exports.into())
    }

    fn alias(&mut self, alias: &ComponentAlias<'a>) -> Result<(), Unread> {
        self.count()?;
        match alias {
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, instance_index, name } => {
                let shape = self.instance(*instance_index);
                let known = shape.and_then(|s| s.iter().find(|(n, _)| n == name).map(|(_, item)| *item));
                self.types.push(Type::Item(known.unwrap_or(Item::Resource)));
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Instance, .. } => self.instances.push(None),
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => {
                self.types.push(Type::Item(Item::Resource));
            }
            _ => {}
        }
        Ok(())
    }

    /// What an import's type stands for.
    fn referenced(&self, ty: &ComponentTypeRef) -> Type<'a> {
        match ty {
            ComponentTypeRef::Instance(index) => match self.ty(*index) {
                known @ Type::Instance(_) => known,
                Type::Item(_) => Type::Instance(None),
            },
            ComponentTypeRef::Type(TypeBounds::SubResource) => Type::Item(Item::Resource),
            ComponentTypeRef::Type(TypeBounds::Eq(index)) => self.ty(*index),
            _ => Type::Item(Item::Access),
        }
    }

    fn ty(&self, index: u32) -> Type<'a> {
        self.types.get(index as usize).cloned().unwrap_or(Type::Item(Item::Resource))
    }

    fn instance(&self, index: u32) -> Shape<'a> {
        self.instances.get(index as usize).cloned().flatten()
    }

    fn push_type(&mut self, ty: Type<'a>) -> Result<(), Unread> {
        self.count()?;
        self.types.push(ty);
        Ok(())
    }

    fn count(&mut self) -> Result<(), Unread> {
        self.declared += 1;
        if self.declared > MAX_DECLARED { Err(Unread::TooMany) } else { Ok(()) }
    }
}
