// SPDX-License-Identifier: Apache-2.0

/// What is open, by slots that are used again.
///
/// A handle is its slot's number and the count of the slot's uses, so that one that was released is
/// never taken for its slot's next user.
struct HandleTable<Object: Sendable>: Sendable {
    private struct Slot: Sendable {
        var use: UInt32 = 1
        var object: Object?
        /// Open since an earlier worker, and not asked for yet: there is no object.
        var isInherited = false
    }

    /// Of slots that are new: another one for each worker, so that a handle that was not kept for it is no one's.
    var firstUse: UInt32 = 1
    private var slots: [Slot] = []
    private var free: [Int] = []

    var count: Int { slots.count - free.count }

    subscript(_ handle: HandleID) -> Object? {
        let index = Int(truncatingIfNeeded: handle.rawValue & 0xffff_ffff)
        guard index < slots.count, slots[index].use == UInt32(handle.rawValue >> 32) else { return nil }
        return slots[index].object
    }

    /// Adds the next slot as an earlier worker left it: `use` is the count of its present use, or of the next one.
    mutating func inherit(use: UInt32, isOpen: Bool) {
        if !isOpen { free.append(slots.count) }
        slots.append(Slot(use: max(1, use), isInherited: isOpen))
    }

    /// Whether this is a handle of an earlier worker that has no object yet.
    func isInherited(_ handle: HandleID) -> Bool {
        let index = Int(truncatingIfNeeded: handle.rawValue & 0xffff_ffff)
        return index < slots.count && slots[index].use == UInt32(handle.rawValue >> 32) && slots[index].isInherited
    }

    /// Gives an inherited handle its object, unless it has one by now or was closed.
    ///
    /// - Returns: Its object.
    mutating func restore(_ handle: HandleID, _ object: Object) -> Object? {
        if isInherited(handle) {
            let index = Int(handle.rawValue & 0xffff_ffff)
            slots[index].object = object
            slots[index].isInherited = false
        }
        return self[handle]
    }

    mutating func insert(_ object: Object) -> HandleID {
        let index = free.popLast() ?? slots.count
        if index == slots.count { slots.append(Slot(use: firstUse)) }
        slots[index].object = object
        return HandleID(rawValue: UInt64(slots[index].use) << 32 | UInt64(index))
    }

    /// Closes a handle; what it stood for, nil if it is not open or has no object yet.
    @discardableResult
    mutating func remove(_ handle: HandleID) -> Object? {
        let object = self[handle]
        guard object != nil || isInherited(handle) else { return nil }
        let index = Int(handle.rawValue & 0xffff_ffff)
        slots[index].object = nil
        slots[index].isInherited = false
        slots[index].use = Self.use(after: slots[index].use)
        free.append(index)
        return object
    }

    /// - Parameter generation: Which worker it is, counted from 1.
    static func firstUse(ofWorker generation: UInt32) -> UInt32 { max(1, generation &* 0x9E37_79B1) }

    /// 0 stays free, so that no handle is ever 0.
    static func use(after use: UInt32) -> UInt32 { use == .max ? 1 : use + 1 }
}
