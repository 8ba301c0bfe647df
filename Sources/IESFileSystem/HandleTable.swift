// SPDX-License-Identifier: Apache-2.0

/// What is open, by slots that are used again.
///
/// A handle is its slot's number and the count of the slot's uses, so that one that was released is
/// never taken for its slot's next user.
struct HandleTable<Object: Sendable>: Sendable {
    private struct Slot: Sendable {
        var use: UInt32 = 1
        var object: Object?
    }

    private var slots: [Slot] = []
    private var free: [Int] = []

    var count: Int { slots.count - free.count }

    subscript(_ handle: HandleID) -> Object? {
        let index = Int(truncatingIfNeeded: handle.rawValue & 0xffff_ffff)
        guard index < slots.count, slots[index].use == UInt32(handle.rawValue >> 32) else { return nil }
        return slots[index].object
    }

    mutating func insert(_ object: Object) -> HandleID {
        let index = free.popLast() ?? slots.count
        if index == slots.count { slots.append(Slot()) }
        slots[index].object = object
        return HandleID(rawValue: UInt64(slots[index].use) << 32 | UInt64(index))
    }

    @discardableResult
    mutating func remove(_ handle: HandleID) -> Object? {
        guard let object = self[handle] else { return nil }
        let index = Int(handle.rawValue & 0xffff_ffff)
        slots[index].object = nil
        // 0 stays free, so that no handle is ever 0.
        slots[index].use = slots[index].use == .max ? 1 : slots[index].use + 1
        free.append(index)
        return object
    }
}
