//! At most four bonds, the one longest unused going for a fifth.

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;
use trouble_host::prelude::*;
use trouble_host::{BondInformation, Identity};

use crate::settings::{BONDS, KeptBond, Store};
use crate::state::Shared;

/// The settings store, shared by tasks that wait for flash.
pub type SharedStore<F> = Mutex<NoopRawMutex, Store<F>>;

/// The bonds, shared by tasks that wait for flash.
pub type SharedBonds = Mutex<NoopRawMutex, Bonds>;

/// Bonds in RAM, kept alike in flash and in the host.
pub struct Bonds {
    kept: Vec<KeptBond, BONDS>,
    clock: u32,
}

impl Bonds {
    /// Take what the store held and tell the host.
    pub fn load<C: Controller>(
        kept: Vec<KeptBond, BONDS>,
        stack: &Stack<'_, C, DefaultPacketPool>,
        shared: &Shared,
    ) -> Self {
        for bond in &kept {
            // the host has room for as many as are kept
            let _ = stack.add_bond_information(bond.bond.clone());
        }
        shared.with(|state| state.bonds = kept.len() as u8);
        let clock = kept.iter().map(|bond| bond.used).max().unwrap_or(0);
        Self { kept, clock }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    async fn save<F: NorFlash>(&self, store: &SharedStore<F>, shared: &Shared) {
        let saved = store.lock().await.save_bonds(&self.kept).await;
        shared.with(|state| {
            state.bonds = self.kept.len() as u8;
            state.flash_fault |= saved.is_err();
        });
        shared.note_change();
    }

    /// Keep a new bond, or one that replaces that of the same peer.
    pub async fn add<F: NorFlash, C: Controller>(
        &mut self,
        bond: BondInformation,
        stack: &Stack<'_, C, DefaultPacketPool>,
        store: &SharedStore<F>,
        shared: &Shared,
    ) {
        self.kept
            .retain(|kept| !kept.bond.identity.match_identity(&bond.identity));
        if self.kept.is_full()
            && let Some(oldest) = (0..self.kept.len()).min_by_key(|i| self.kept[*i].used)
        {
            let dropped = self.kept.remove(oldest);
            // the host may have dropped it itself
            let _ = stack.remove_bond_information(dropped.bond.identity);
        }
        self.clock += 1;
        // there is room: one was removed where it was full
        let _ = self.kept.push(KeptBond {
            bond,
            used: self.clock,
        });
        self.save(store, shared).await;
    }

    /// Note that the bond of a peer was used; false where there is none.
    pub async fn touch<F: NorFlash>(
        &mut self,
        peer: &Identity,
        store: &SharedStore<F>,
        shared: &Shared,
    ) -> bool {
        let clock = self.clock;
        let Some(kept) = self
            .kept
            .iter_mut()
            .find(|kept| kept.bond.identity.match_identity(peer))
        else {
            return false;
        };
        if kept.used != clock {
            self.clock += 1;
            kept.used = self.clock;
            self.save(store, shared).await;
        }
        true
    }

    /// Forget the bond of a peer, or all.
    pub async fn forget<F: NorFlash, C: Controller>(
        &mut self,
        peer: Option<&Identity>,
        stack: &Stack<'_, C, DefaultPacketPool>,
        store: &SharedStore<F>,
        shared: &Shared,
    ) {
        for kept in &self.kept {
            if peer.is_none_or(|peer| kept.bond.identity.match_identity(peer)) {
                // the host may not hold it any more
                let _ = stack.remove_bond_information(kept.bond.identity);
            }
        }
        self.kept
            .retain(|kept| peer.is_some_and(|peer| !kept.bond.identity.match_identity(peer)));
        self.save(store, shared).await;
    }
}
